import subprocess
import sys

import pytest

import linecolor


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("linecolor", {"torch", "cv2", "numpy"}),
        ("linecolor.images", {"torch", "cv2", "kornia"}),
        ("linecolor.html", {"torch", "cv2", "lightning"}),
        ("linecolor.web.server", {"torch"}),
    ],
)
def test_importing_it_loads_nothing_heavy(module, without):
    code = f"import sys; import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert without.isdisjoint(done.stdout.split())


def test_every_public_name_is_there():
    assert set(linecolor.__all__) <= set(dir(linecolor))
    assert all(getattr(linecolor, name) for name in linecolor.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Telepathy'"):
        linecolor.Telepathy  # noqa: B018
