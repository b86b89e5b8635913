"""What two processes cost each other: the exchange of gradients, as a share of a training step.

Run by itself it is one of the two: torchrun --nproc-per-node 2 -m benchmarks.devices
"""

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

BLOCK, BLOCKS = 8, 6


def measure() -> dict[str, float]:
    """Steps of two processes with and without exchanging gradients, in turns, in the same two processes.

    Returns:
        `ratio`: step with the exchange over step without (bar: 1.05); the seconds behind it.
    """
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", __name__]
    done = subprocess.run(line, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the two processes failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _take_part() -> None:
    import lightning as L
    import torch
    import torch.distributed as dist
    from lightning.pytorch.strategies import DDPStrategy
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    from benchmarks.training import draft_stage, few_pairs, fit, named

    class InTurns(L.Callback):
        """Switches the exchange on and off, block by block."""

        def __init__(self) -> None:
            self.exchange = True
            self.seconds: dict[bool, list[float]] = {True: [], False: []}

        def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
            self.exchange = (batch_idx // BLOCK) % 2 == 0
            trainer.strategy.barrier()
            self.started = time.perf_counter()

        def on_train_batch_end(self, *_: Any) -> None:
            self.seconds[self.exchange].append(time.perf_counter() - self.started)

    def hook(turns: InTurns, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        if turns.exchange:
            return allreduce_hook(None, bucket)
        kept: torch.futures.Future[torch.Tensor] = torch.futures.Future()
        kept.set_result(bucket.buffer())
        return kept

    config = named("demo")
    batch = few_pairs(config, config.stages["draft"].batch_size // 2)
    turns = InTurns()
    module = draft_stage(config)
    module.content_loss_interval = BLOCK  # once a block, whatever the block exchanges
    trainer = fit(
        module,
        [batch] * (2 * BLOCK * BLOCKS),
        turns,
        accelerator="cpu",
        devices=2,
        strategy=DDPStrategy(find_unused_parameters=True, ddp_comm_state=turns, ddp_comm_hook=hook),
        use_distributed_sampler=False,
    )
    if trainer.is_global_zero:
        means = {
            # The first block of each kind warms up.
            kind: statistics.median(
                statistics.mean(times[start : start + BLOCK]) for start in range(BLOCK, len(times), BLOCK)
            )
            for kind, times in turns.seconds.items()
        }
        print(json.dumps({"ratio": means[True] / means[False], "step_s": means[True], "alone_s": means[False]}))


if __name__ == "__main__":
    _take_part()
