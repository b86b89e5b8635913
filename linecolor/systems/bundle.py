"""A bundle: what colorize, export and the front ends load. Weights as safetensors, the rest as YAML.

The card says: `format`; `networks`, the constructor arguments of each; the rendering options; `hint_spread`;
`precision` of the weights; `hints`, `color_order` and `range`, which describe inputs and outputs for readers; and
`provenance`. Nothing in a bundle is executed. Format, networks, options and shapes are checked
before anything is built.
"""

import inspect
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from linecolor.hints import layers
from linecolor.hints.propagation import EXTRA_CHANNELS
from linecolor.images import write_atomically
from linecolor.networks.without_memory import without_memory
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.registry import stage_of, system_of

WEIGHTS, CARD = "linecolor.safetensors", "bundle.yaml"
FORMAT = 1
RELEASE = Path(__file__).parents[1] / "weights" / "release"
"""The bundled weights, which `experiment=release` trains."""
MOST_CARD_BYTES = 1_000_000
MOST_BYTES = 4 * 2**30

# The largest arguments of a network, before anything is built; how much memory it would take is looked at then.
MOST = {
    "width": 256,
    "levels": 9,
    "blocks": 64,
    "deep_blocks": 64,
    "in_channels": 512,
    "cardinality": 512,
    "depth": 200,
    "features": 512,
    "layers": 64,
    "kernel": 15,
    "mixtures": 64,
    "grid": 128,
}
MOST_OTHER, MOST_NUMBER = 1024, 1e6
"""The same for whole numbers of any other name, and for numbers with a point."""


def save_bundle(
    folder: Path,
    networks: dict[str, nn.Module],
    architectures: dict[str, dict[str, Any]],
    options: RenderingOptions,
    hint_spread: str,
    provenance: dict[str, Any],
    half: bool = False,
) -> Path:
    """Write a bundle.

    Args:
        folder: is made if need be.
        networks: by the names of their stages: `draft` and, after the second stage, `colorizer`; or a baseline's.
        architectures: the constructor arguments of each.
        options: how its pages are coloured, unless whoever loads it asks for something else.
        hint_spread: one of `propagation.EXTRA_CHANNELS`, as the networks were trained.
        provenance: where it comes from: configuration, data, images seen, versions.
        half: keep the weights in half precision, in half the space; they are computed with in single all the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{key}": (tensor.half() if half and tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    # One key only: safetensors writes several in random order, and equal networks shall give equal files.
    write_atomically(folder / WEIGHTS, save(tensors, metadata={"format": "linecolor"}))
    card = {
        "format": FORMAT,
        "networks": architectures,
        **options.to_mapping(),
        "hint_spread": hint_spread,
        "precision": "float16" if half else "float32",
        "hints": layers.CONVENTION,
        "color_order": "RGB",
        "range": "[-1, 1], paper = 1",
        "provenance": provenance,
    }
    write_atomically(folder / CARD, yaml.safe_dump(card, sort_keys=False).encode())
    return folder


def load_bundle(folder: Path) -> tuple[dict[str, Any], dict[str, nn.Module]]:
    """The card of a bundle and its networks, by the names of their stages, frozen, on the CPU.

    Raises:
        FileNotFoundError: if there is no bundle in the folder.
        ValueError: if it is damaged or of another architecture.
    """
    card = read_card(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; the bundle is incomplete, train again or copy both files")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path}: {path.stat().st_size} bytes are more than any bundle has")
        with safe_open(path, "pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (no dict)
        for name, architecture in card["networks"].items():
            _check_shapes(path, name, architecture, shapes)
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: is no safetensors file or is damaged ({error})") from None
    networks = {}
    for name, architecture in card["networks"].items():
        network = _built(name, architecture)
        state = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
        network.load_state_dict(state)
        networks[name] = network.requires_grad_(False)
    return card, networks


class _CardLoader(yaml.SafeLoader):
    """Plain YAML without merge keys, a dozen of which can name each other for ever."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(None, None, "a bundle's card has no merge keys", node.start_mark)


def find_bundle(bundle_or_run: str | Path | None = None) -> Path:
    """The folder of a bundle: the one named, that of the run named, or the bundled weights.

    Raises:
        FileNotFoundError: if there is none; the message says what to give.
    """
    if bundle_or_run is None:
        return RELEASE
    folder = Path(bundle_or_run).expanduser()
    for candidate in (folder, folder / "bundle"):
        if (candidate / CARD).is_file():
            return candidate
    raise FileNotFoundError(f"{folder}: no bundle here ({CARD} is missing); give a run, or its bundle/ folder")


def read_card(folder: Path) -> dict[str, Any]:
    """What a bundle says of itself, checked before anything is built from it.

    Raises:
        FileNotFoundError: if there is no bundle in the folder.
        ValueError: if the card is damaged, of an unknown format or asks for absurd networks.
    """
    path = folder / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no bundle here ({CARD} is missing); give the bundle/ folder of a run")
    try:
        if path.stat().st_size > MOST_CARD_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes long")
        card = yaml.load(path.read_text(encoding="utf-8"), _CardLoader)  # a SafeLoader
        options = RenderingOptions.from_mapping(card)
        card |= options.to_mapping()  # what older bundles lack
        unknown = _unknown(card, options)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: is no description of a bundle ({type(error).__name__}: {error})") from None
    if unknown:
        raise ValueError(
            f"{path}: describes a bundle this version of linecolor does not know ({unknown[:500]}); export it again"
        )
    for name, architecture in card["networks"].items():
        _check_buildable(path, name, architecture)
    return card


def _unknown(card: dict[str, Any], options: RenderingOptions) -> str:
    """What this version cannot use of a bundle; empty if it can use all of it."""
    if card["format"] != FORMAT:
        return f"format={card['format']!r}"
    if card["hint_spread"] not in EXTRA_CHANNELS:
        return f"hint_spread={card['hint_spread']!r}"
    try:
        system = system_of(tuple(card["networks"]))
        for name, architecture in card["networks"].items():
            check_arguments(name, architecture)
        system.pipeline_class().check_architectures(card["networks"], card["hint_spread"])
    except ValueError as error:
        return str(error)
    return "mirrored=true of sampled colours" if options.mirrored and system.samples else ""


def check_arguments(name: str, architecture: dict[str, Any]) -> None:
    """Refuse what a bundle cannot hold of a network: other arguments than its constructor's, or absurd ones.

    Args:
        name: of its stage.
        architecture: the constructor arguments.

    Raises:
        ValueError: naming the argument and its value.
    """
    parameters = inspect.signature(stage_of(name).generator_class(), eval_str=True).parameters
    required = {key for key, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}
    if not required <= set(architecture) <= set(parameters):
        raise ValueError(f"{name}: has the arguments {', '.join(architecture)}, it takes {', '.join(parameters)}")
    for key, value in architecture.items():
        wanted = parameters[key].annotation
        if key in MOST or wanted is int:
            most = MOST.get(key, MOST_OTHER)
            if type(value) is not int or not 0 <= value <= most:
                raise ValueError(f"{name}.{key}={value!r} must be a whole number up to {most}")
        elif wanted is float:
            if type(value) not in (int, float) or not abs(value) <= MOST_NUMBER:
                raise ValueError(f"{name}.{key}={value!r} must be a number up to {MOST_NUMBER:.0f}")
        elif type(value) is not (bool if wanted is bool else str):
            raise ValueError(
                f"{name}.{key}={value!r}: a bundle holds whole numbers, numbers, true or false and words, as the "
                "constructor's annotations int, float, bool and str say"
            )


def _check_buildable(path: Path, name: str, architecture: dict[str, Any]) -> None:
    """Build a network without memory, to see that it can be and how large it would be."""
    try:
        with without_memory():
            network = _built(name, architecture)
    except Exception as error:  # whatever the constructor of another package raises
        raise ValueError(f"{path}: describes a {name} network that cannot be built ({error})") from None
    size = sum(parameter.numel() * 4 for parameter in network.parameters())
    if size > MOST_BYTES:
        raise ValueError(f"{path}: describes a {name} network of {size / 2**30:.0f} GiB, more than any bundle has")


def _check_shapes(path: Path, name: str, architecture: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    """Compare the weights with the network on the card before memory is given to either."""
    with without_memory():
        wanted = {key: tuple(tensor.shape) for key, tensor in _built(name, architecture).state_dict().items()}
    found = {key.removeprefix(f"{name}."): shape for key, shape in shapes.items() if key.startswith(f"{name}.")}
    if wanted != found:
        first = min(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
        raise ValueError(
            f"{path}: does not hold the {name} network that {CARD} describes ({first} is "
            f"{found.get(first, 'missing')}, wanted {wanted.get(first, 'none')})"
        )


def _built(name: str, architecture: dict[str, Any]) -> nn.Module:
    return stage_of(name).generator_class()(**architecture)
