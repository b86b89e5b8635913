"""Where the configuration lies, resolvers, and how a command ends when something is wrong."""

from pathlib import Path

from omegaconf import OmegaConf


def configuration_folder() -> str:
    """conf/: inside the package where it was installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return str(folder)
    raise FileNotFoundError(f"{package / 'conf'}: the configuration is missing; install linecolor again")


def register_resolvers() -> None:
    """What the YAML files compute: `half` of a number, `draft_channels` for a kind of spread hints."""
    OmegaConf.register_new_resolver("half", lambda number: int(number) // 2, replace=True)
    OmegaConf.register_new_resolver("draft_channels", _draft_channels, replace=True)


def _draft_channels(hint_spread: str) -> int:
    from linecolor.hints.layers import draft_channels

    return draft_channels(hint_spread)
