"""How a run uses the machine: arguments of lightning.Trainer, and how many processes train together."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

GANS_STRATEGY = "ddp_find_unused_parameters_true"
"""In each half-step of a GAN the other network takes no part."""


@dataclass(frozen=True)
class TrainerConfig:
    """conf/trainer: arguments of lightning.Trainer, and what is done to the networks."""

    settings: Mapping[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """What is not ours is Lightning's."""
        return {name: value for name, value in self.settings.items() if name not in ("compile", "channels_last")}

    @property
    def precision(self) -> str:
        """Such as 32-true or bf16-mixed."""
        return str(self.settings["precision"])

    @property
    def on_gpu(self) -> bool:
        """Whether networks train on a GPU; known after `on_this_machine`."""
        return self.settings["accelerator"] != "cpu"

    @property
    def device(self) -> str:
        """Of one process, for torch."""
        return "cuda" if self.on_gpu else "cpu"

    @property
    def world_size(self) -> int:
        """How many processes train together: what torchrun says, else what the arguments say."""
        if os.environ.get("WORLD_SIZE", "").isdigit():
            return int(os.environ["WORLD_SIZE"])
        count = self.count_devices()
        if count is None:
            import torch

            by_machine = self.on_gpu and str(self.settings["devices"]) in ("auto", "-1")
            count = self._nodes * (torch.cuda.device_count() if by_machine else 1)
        return count

    def count_devices(self) -> int | None:
        """Devices of all nodes; None for what is no number, and where a machine with several GPUs decides."""
        devices = self.settings["devices"]
        names = devices if isinstance(devices, list) else [part for part in str(devices).split(",") if part.strip()]
        if isinstance(devices, list) or "," in str(devices):  # "0,1" names two of them
            return len(names) * self._nodes
        if str(devices).isdigit():
            return int(devices) * self._nodes
        if str(devices) == "auto" and not self.on_gpu:
            return self._nodes
        import torch

        alone = str(devices) in ("auto", "-1") and self.on_gpu and torch.cuda.device_count() <= 1
        return self._nodes if alone else None

    @property
    def _nodes(self) -> int:
        return int(self.settings.get("num_nodes", 1))

    def on_this_machine(self) -> "TrainerConfig":
        """The same with what this machine decides: gpu or cpu for `auto`, devices by torchrun, the strategy of several.

        Raises:
            ValueError: for a GPU that is not there, or bf16 on a card without it.
        """
        import torch

        settings = dict(self.settings)
        if "TORCHELASTIC_RUN_ID" in os.environ:
            settings["devices"] = int(os.environ["LOCAL_WORLD_SIZE"])
            settings["num_nodes"] = int(os.environ["WORLD_SIZE"]) // settings["devices"]
        gpu = torch.cuda.is_available()
        if settings["accelerator"] == "auto":
            # Not Apple's: the metrics need float64, which it lacks.
            settings["accelerator"] = "gpu" if gpu else "cpu"
        config = replace(self, settings=settings)
        if settings["strategy"] in ("auto", "ddp") and config.world_size > 1:
            settings["strategy"] = GANS_STRATEGY
        if settings["accelerator"] in ("gpu", "cuda") and not gpu:
            raise ValueError(
                "trainer.accelerator=gpu, but torch sees no GPU here: use trainer=cpu, or install a CUDA torch"
            )
        # The usual probe says yes on cards that only emulate bf16 and have no convolutions for it (a 2080 Ti).
        if config.on_gpu and "bf16" in self.precision and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise ValueError(
                f"trainer.precision={self.precision}: {torch.cuda.get_device_name()} has no bf16; "
                "use trainer.precision=16-mixed"
            )
        return config
