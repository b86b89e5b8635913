"""Where the configuration lies."""

from pathlib import Path


def conf_folder() -> Path:
    """The folder conf/: inside the package where it was installed, next to it in a checkout.

    Raises:
        FileNotFoundError: if it is missing.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(f"{package / 'conf'}: the configuration is missing; install linecolor again")
