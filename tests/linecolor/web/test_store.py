import numpy as np
import pytest

from linecolor.images.encoding import encode_png
from linecolor.web.drawing import colorizers_by_resolution
from linecolor.web.store import DrawingStore

PAGE = encode_png(np.full((20, 30), 255, np.uint8))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path, painter):
    return DrawingStore(
        tmp_path, colorizers_by_resolution(painter()), 10**8, max_drawings=3, idle_seconds=100, clock=Clock()
    )


def files(store) -> set[str]:
    return {path.name for path in store.folder.iterdir()}


def test_a_drawing_is_found_by_its_name_until_it_is_dropped(store):
    name, drawing = store.add(PAGE)
    assert store.get(name) is drawing
    assert files(store) == {name}
    store.drop(name)
    store.drop(name)
    assert files(store) == set()
    with pytest.raises(KeyError):
        store.get(name)


def test_names_are_long_and_differ_and_of_too_many_the_one_left_alone_longest_goes(store):
    first, second, third = names = [store.add(PAGE)[0] for _ in range(3)]
    assert len(set(names)) == 3
    assert all(len(name) >= 22 for name in names)
    store.get(first)
    fourth, _ = store.add(PAGE)
    assert files(store) == {first, third, fourth}
    with pytest.raises(KeyError):
        store.get(second)


def test_what_is_left_alone_goes_and_what_is_used_stays(store):
    used, idle = (store.add(PAGE)[0] for _ in range(2))
    store.clock.now = 60
    store.get(used)
    store.clock.now = 120
    store.drop_idle()
    assert files(store) == {used}
    assert len(store) == 1
    with pytest.raises(KeyError):
        store.get(idle)


def test_closing_removes_the_folder(store):
    store.add(PAGE)
    store.close()
    assert not store.folder.exists()
    store.close()
