import subprocess
import sys

import pytest

import linecolor


def test_importing_the_package_loads_neither_torch_nor_opencv():
    code = "import sys, linecolor; print({'torch', 'cv2', 'numpy'} & set(sys.modules), *dir(linecolor))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded, *names = done.stdout.split()
    assert loaded == "set()"
    assert set(linecolor.__all__) <= set(names)


def test_every_public_name_is_there():
    assert all(getattr(linecolor, name) for name in linecolor.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Telepathy'"):
        linecolor.Telepathy  # noqa: B018
