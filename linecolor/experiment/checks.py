"""Wrong settings, told before anything is read, built or written."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from linecolor.systems.registry import System, system_of

if TYPE_CHECKING:
    from torch import nn

# Whole numbers of each section and the least they may be.
_STAGE_NUMBERS = {
    "steps": 1,
    "batch_size": 1,
    "micro_batches": 1,
    "log_every_n_steps": 1,
    "val_every_n_steps": 1,
    "validation_drawings": 0,
    "checkpoint_every": 1,
}
_EVALUATION_NUMBERS = {"drawings": 1, "sheet": 0}
MOST_HINTS = 999
_DATA_NUMBERS = {"workers": 0, "overfit": 0}


def check_settings(plain: dict[str, Any]) -> None:
    """Refuse values that cannot work.

    Raises:
        ValueError: naming the option, its value and what to use instead.
    """
    stages = plain["stages"]
    system = system_of(stages)
    for group, names in (("stage", stages), ("model", system.names)):
        missing = [name for name in names if name not in plain[group]]
        if missing:
            raise ValueError(
                f"stages={stages}, but {group} has no {missing[0]}: choose model=... and stage=... that belong "
                "together, or a whole experiment=..."
            )
    if plain["resume"] not in ("auto", "must", "never"):
        raise ValueError(f"resume={plain['resume']} is unknown: use auto, must or never")
    _numbers("", plain, {"seed": 0})
    _numbers("data.", plain["data"], _DATA_NUMBERS)
    devices = world_size(plain["trainer"])
    for stage in stages:
        settings = plain["stage"][stage]
        _numbers(f"stage.{stage}.", settings, _STAGE_NUMBERS)
        minutes = settings["checkpoint_minutes"]
        if type(minutes) not in (int, float) or not minutes >= 0:
            raise ValueError(f"stage.{stage}.checkpoint_minutes={minutes} must be a number of minutes, or 0 for none")
        _check_batch(stage, settings, devices)
    check_evaluation(plain["evaluation"])
    _numbers("model.", plain["model"], {"resolution": 32})
    for part in system.stages:
        _numbers(f"model.{part.name}.", plain["model"][part.name], part.least)
    if system.samples and plain["evaluation"]["mirrored"]:
        raise ValueError("evaluation.mirrored=true: the mean of two samples is neither; use false")
    if not system.takes_hints:
        _check_no_hints(system, plain["evaluation"], plain["callbacks"])
    if not isinstance(plain["data"]["root"], str):
        raise ValueError(f"data.root={plain['data']['root']} is no folder: give the folder of your pictures")


def world_size(trainer: dict[str, Any]) -> int:
    """How many processes train together, by torchrun's word or by the trainer's settings."""
    if os.environ.get("WORLD_SIZE", "").isdigit():
        return int(os.environ["WORLD_SIZE"])
    devices = trainer["devices"]
    if isinstance(devices, list):
        number = len(devices)
    elif str(devices) in ("auto", "-1"):
        import torch

        number = 1 if trainer["accelerator"] == "cpu" else max(1, torch.cuda.device_count())
    else:
        listed = [part for part in str(devices).split(",") if part.strip()]  # "0,1" names two of them
        number = len(listed) if "," in str(devices) else int(devices) if str(devices).isdigit() else 1
    return number * int(trainer.get("num_nodes", 1))


def _check_batch(stage: str, settings: dict[str, Any], devices: int) -> None:
    batch, parts = settings["batch_size"], settings["micro_batches"]
    if batch % parts:
        raise ValueError(f"stage.{stage}.micro_batches={parts} does not divide stage.{stage}.batch_size={batch}")
    if batch % (devices * parts):
        each = devices * parts
        below, above = batch // each * each, -(-batch // each) * each
        raise ValueError(
            f"stage.{stage}.batch_size={batch} is of all devices together and cannot be shared by {devices} devices in "
            f"{parts} micro-batches each: use {f'{below} or ' if below else ''}{above}, or another "
            f"stage.{stage}.micro_batches"
        )


def check_machine(trainer: dict[str, Any]) -> None:
    """Refuse what this machine cannot do; `accelerator: auto` becomes gpu or cpu; torchrun's word on devices holds.

    Raises:
        ValueError: for a GPU that is not there, or bf16 on a card without it.
    """
    import torch

    if "TORCHELASTIC_RUN_ID" in os.environ:
        trainer["devices"] = int(os.environ["LOCAL_WORLD_SIZE"])
        trainer["num_nodes"] = int(os.environ["WORLD_SIZE"]) // trainer["devices"]
    gpu = torch.cuda.is_available()
    if trainer["accelerator"] == "auto":
        # Not Apple's: the metrics need float64, which it lacks.
        trainer["accelerator"] = "gpu" if gpu else "cpu"
    if trainer["strategy"] in ("auto", "ddp") and world_size(trainer) > 1:
        # In each half-step of the GAN the other network takes no part.
        trainer["strategy"] = "ddp_find_unused_parameters_true"
    if trainer["accelerator"] in ("gpu", "cuda") and not gpu:
        raise ValueError(
            "trainer.accelerator=gpu, but torch sees no GPU here: use trainer=cpu, or install a CUDA torch"
        )
    # The usual probe says yes on cards that only emulate bf16 and have no convolutions for it (a 2080 Ti).
    on_gpu = trainer["accelerator"] != "cpu"
    if on_gpu and "bf16" in str(trainer["precision"]) and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ValueError(
            f"trainer.precision={trainer['precision']}: {torch.cuda.get_device_name()} has no bf16; "
            "use trainer.precision=16-mixed"
        )


def check_buildable(plain: dict[str, Any], config: Any) -> None:
    """Build every network without memory, and the pair settings: a wrong width shows before the first stage.

    Raises:
        ValueError: what the constructors and the system's pipeline say.
    """
    from hydra.utils import get_class

    from datamodules.pair_settings import PairSettings
    from datamodules.pairs import PairSynthesizer
    from linecolor.lineart.methods import REAL
    from linecolor.networks.features import FrozenFeatures

    model, pairs = plain["model"], PairSettings.from_config(plain["pairs"])
    PairSynthesizer(pairs, model["hint_spread"])
    system = system_of(plain["stages"])
    networks = _without_memory(config, system.names)
    pipeline = system.pipeline_class()
    for stage in system.stages:
        if type(networks[stage.name]) is not stage.generator_class():
            raise ValueError(
                f"model.{stage.name}._target_={model[stage.name]['_target_']}: the {system.name} system has a "
                f"{stage.generator} there; register a system of your own for another network"
            )
    try:
        pipeline.check_architectures({name: arguments_of(model[name]) for name in system.names}, model["hint_spread"])
    except ValueError as error:
        raise ValueError(f"model.{error}") from None
    if model["resolution"] % pipeline(networks).multiple:
        raise ValueError(
            f"model.resolution={model['resolution']} cannot be halved as often as the networks need: "
            f"use a multiple of {pipeline(networks).multiple}"
        )
    lines = [method.is_line for method in pairs.line.methods.values()]
    pipeline(networks).check_lines(not all(lines), any(lines) or bool(pairs.line.weights.get(REAL)))
    # What else a stage trains with, such as a discriminator. What is frozen has no width that could be wrong.
    others = {name: node["_target_"] for name, node in model.items() if isinstance(node, dict) and "_target_" in node}
    _without_memory(
        config,
        [n for n, path in others.items() if n not in networks and not issubclass(get_class(path), FrozenFeatures)],
    )


def _without_memory(config: Any, names: Iterable[str]) -> "dict[str, nn.Module]":
    import torch
    from hydra.utils import instantiate

    with torch.device("meta"):
        return {name: instantiate(config.model[name]) for name in names}


def arguments_of(node: dict[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a network, without its class."""
    return {key: value for key, value in node.items() if key != "_target_"}


def check_evaluation(settings: dict[str, Any]) -> None:
    """Refuse hints, rendering options or features that cannot be.

    Raises:
        ValueError: naming the option, its value and what to use instead.
    """
    from linecolor.networks.distance_features import ExtractorName
    from linecolor.rendering.options import MAX_RESOLUTION, RenderingOptions

    _numbers("evaluation.", settings, _EVALUATION_NUMBERS)
    hints = settings["hints"]
    if not isinstance(hints, list) or not hints or not all(type(n) is int and 0 <= n <= MOST_HINTS for n in hints):
        raise ValueError(f"evaluation.hints={hints} must be a list of numbers from 0 to {MOST_HINTS}, such as [0,8,32]")
    try:
        RenderingOptions.from_mapping(settings, MAX_RESOLUTION)
    except ValueError as error:
        raise ValueError(f"evaluation.{error}") from None
    if settings["features"] not in get_args(ExtractorName):
        known = " or ".join(get_args(ExtractorName))
        raise ValueError(f"evaluation.features={settings['features']} is unknown: use {known}")


def _check_no_hints(system: System, evaluation: dict[str, Any], callbacks: dict[str, Any]) -> None:
    """Refuse hints for networks that read none, unless they are enforced."""
    requested = {
        f"callbacks.{name}.hints": callback["hints"]
        for name, callback in callbacks.items()
        if callback and "hints" in callback
    }
    if not evaluation["enforce_hints"]:
        requested["evaluation.hints"] = evaluation["hints"]
    for option, hints in requested.items():
        if any(hints if isinstance(hints, list) else [hints]):
            zero = "[0]" if isinstance(hints, list) else "0"
            raise ValueError(f"{option}={hints}: the {system.name} system takes no hints; use {option}={zero}")


def _numbers(prefix: str, settings: dict[str, Any], least: Mapping[str, int]) -> None:
    for name, smallest in least.items():
        value = settings[name]
        if type(value) is not int or value < smallest:
            raise ValueError(f"{prefix}{name}={value} must be a whole number, {smallest} or more")


def check_pictures(drawings: Sequence[Any], plain: dict[str, Any]) -> None:
    """Refuse a data set that the run could not be finished with.

    Raises:
        ValueError: if there is nothing to train on, nothing to evaluate on, or a variant of a held-out drawing would
            be trained on.
    """
    from datamodules.sources.drawing import DrawingTable, of_split

    root = plain["data"]["root"]
    if not of_split(drawings, "train"):
        raise ValueError(
            f"{root}: every one of the {len(drawings)} pictures is held out; lower data.test_share"
            + (", or train on the one there is with data.test_share=0 evaluation.enabled=false" * (len(drawings) == 1))
        )
    # Shards were split by base when they were written; there may be 700,000 of them.
    if not isinstance(drawings, DrawingTable) and not plain["data"]["overfit"]:
        held_out = {drawing.base for drawing in of_split(drawings, "test")}
        kin = [drawing.id for drawing in of_split(drawings, "train") if drawing.base in held_out]
        if kin:
            raise ValueError(
                f"{root}: {len(kin)} training drawings are variants of held-out ones ({kin[0]}, ...), which would then "
                "measure memory; prepare the data set again"
            )
    if plain["evaluation"]["enabled"] and not of_split(drawings, "test"):
        raise ValueError(
            f"{root}: none of the {len(drawings)} pictures is held out for the evaluation; raise data.test_share "
            f"(now {plain['data']['test_share']}; of few pictures 0.5), add pictures, or train with "
            "evaluation.enabled=false"
        )
