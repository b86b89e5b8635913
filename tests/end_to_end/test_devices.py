"""One run on two processes, on one, and on two of torchrun's: the same samples, the same losses."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from lightning_modules.callbacks.stage_checkpoint import check_devices_agree
from linecolor.runs.record import read_record
from tests.end_to_end.program import TINY, Program, data, run
from tests.lightning_modules.brief_training import growth_allowed

STAGES = ("draft", "colorizer")
CONSTANT = ("schedule.warmup=0", "schedule.cosine_steps=0", "batch_size=4", "checkpoint_every=2", "val_every_n_steps=3")


def arguments(pictures: Path, steps: int, *more: str) -> list[str]:
    """Both stages of a tiny run without a schedule, so that a longer budget is a mere continuation."""
    settings = [f"stage.{stage}.{setting}" for stage in STAGES for setting in CONSTANT]
    budget = [f"stage.{stage}.steps={steps}" for stage in STAGES]
    return [*TINY, "evaluation.enabled=false", "stages=[draft]", *settings, *budget, *data(pictures), *more]


def train(pictures: Path, home: Path, steps: int, *more: str, launcher: tuple[str, ...] = ()) -> None:
    run("train", *arguments(pictures, steps, *more), cwd=home, launcher=launcher)


def losses(home: Path, stage: str) -> list[dict]:
    record = read_record(home / "runs" / "tiny" / stage / "metrics.jsonl")
    return [line for line in record if "reconstruction" in line]


def assert_same_losses(one: Path, other: Path, stage: str, steps: int, before: int = 0) -> None:
    """The same batches at every step, and losses as near as rounding lets them be.

    Two devices add gradients in another order: up to 2e-7 of the draft's losses is seen, and 4e-5 of the colorizer's at
    step 6. Other samples, or weights that were not stepped, would show: these losses change by 2e-2 and more at most
    steps, and at most 2e-3 is allowed. That the devices' weights are the same bits, training itself checks.

    Args:
        one: the folder of a run.
        other: that of another.
        stage: which to compare.
        steps: of the stage.
        before: steps of an earlier stage, after which this one's input differs in more than its last bits.
    """
    ours, theirs = losses(one, stage), losses(other, stage)
    assert [line["step"] for line in ours] == [line["step"] for line in theirs] == list(range(1, steps + 1))
    for here, there in zip(ours, theirs, strict=True):
        assert here["images_seen"] == there["images_seen"]
        for name in ("reconstruction", "adversarial", "discriminator_loss"):
            if name in here:
                allowed = growth_allowed(max(before, int(here["step"])))
                assert here[name] == pytest.approx(there[name], rel=allowed), f"{stage} step {here['step']}: {name}"


@pytest.fixture(scope="module")
def alone(picture_folder, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("alone")
    train(picture_folder, home, 6, "stages=[draft,colorizer]")
    return home


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def test_a_checkpoint_of_two_processes_continues_on_one_and_on_two_of_torchruns(alone, picture_folder, tmp_path):
    train(picture_folder, tmp_path, 2, "trainer=ddp_cpu")
    train(picture_folder, tmp_path, 4)
    train(picture_folder, tmp_path, 6, launcher=TORCHRUN)
    assert_same_losses(alone, tmp_path, "draft", 6)


def test_trainer_ddp_cpu_runs_both_stages_in_one_launch(alone, picture_folder, tmp_path):
    train(picture_folder, tmp_path, 6, "trainer=ddp_cpu", "stages=[draft,colorizer]")
    assert_same_losses(alone, tmp_path, "draft", 6)
    assert_same_losses(alone, tmp_path, "colorizer", 6, before=6)
    looks = [line for line in read_record(tmp_path / "runs/tiny/draft/metrics.jsonl") if "full_size/n" in line]
    assert [line["full_size/n"] for line in looks] == [2, 2], "each held-out drawing counts once"


def test_a_batch_that_the_devices_cannot_share_is_refused_at_once(picture_folder, tmp_path, training_refuses):
    words = arguments(picture_folder, 2, "stage.draft.batch_size=5", "trainer=ddp_cpu")
    told = training_refuses(*words, cwd=tmp_path)
    assert "stage.draft.batch_size=5 is of all devices together and cannot be shared by 2 devices" in told
    assert "use 4 or 6" in told


def test_sruns_processes_train_together(alone, picture_folder, tmp_path):
    """What srun sets in the environment of its tasks, without a cluster."""
    job = {"NTASKS": "2", "NTASKS_PER_NODE": "2", "JOB_NUM_NODES": "1", "NODEID": "0", "JOB_ID": "77"}
    job |= {"JOB_NAME": "linecolor", "NODELIST": "localhost"}
    shared = {f"SLURM_{name}": value for name, value in job.items()}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}
    words = arguments(picture_folder, 6, "trainer=slurm")
    with ExitStack() as stack:
        ranks = [shared | {"SLURM_PROCID": rank, "SLURM_LOCALID": rank} for rank in ("0", "1")]
        tasks = [stack.enter_context(Program("train", *words, cwd=tmp_path, fresh=True, **rank)) for rank in ranks]
        codes = [task.wait() for task in tasks]
        assert codes == [0, 0], "\n".join(task.stderr[-2000:] for task in tasks)
    assert_same_losses(alone, tmp_path, "draft", 6)


@pytest.mark.parametrize("drift", [0, 1e-6])
def test_devices_whose_weights_differ_are_found_out(on_two_ranks, drift):
    """Two gloo processes; one of them has lost its way."""

    class Stage(torch.nn.Linear):
        steps = 7

        def all_gather(self, tensor):
            found = [torch.empty_like(tensor) for _ in range(2)]
            torch.distributed.all_gather(found, tensor)
            return torch.stack(found)

    def check(rank: int) -> str:
        torch.manual_seed(0)
        stage = Stage(8, 8)
        with torch.no_grad():
            stage.weight[0, 0] += drift * rank
        try:
            check_devices_agree(stage)
        except RuntimeError as error:
            return str(error)
        return "they agree"

    expected = "weights differ at step 7" if drift else "they agree"
    assert all(expected in told for told in on_two_ranks(check))


@pytest.mark.parametrize("system", ["pix2pix", "alacgan"])
def test_a_baseline_trains_on_two_processes(system, picture_folder, tmp_path):
    """Their weights agree at every checkpoint, or the run would end; without BatchNorm the losses are one process's."""
    stage = [f"stage.{system}.{setting}" for setting in ("steps=3", "batch_size=4", "checkpoint_every=1")]
    words = [f"experiment=demo_{system}", "debug=tiny", *data(picture_folder), "evaluation.enabled=false", *stage]

    def trained(name: str, *more: str) -> list[dict]:
        run("train", *words, f"name={name}", *more, cwd=tmp_path)
        record = read_record(tmp_path / "runs" / name / system / "metrics.jsonl")
        return [line for line in record if "reconstruction" in line]

    two = trained("two", "trainer=ddp_cpu")
    assert [line["images_seen"] for line in two] == [4, 8, 12]
    if system == "alacgan":
        one = trained("one", "stage.alacgan.steps=1")
        for name in ("content", "reconstruction", "critic_loss"):
            assert one[0][name] == pytest.approx(two[0][name], abs=1e-4), name
