"""Systems and the hints they get: names cannot lead out of a folder, levels are the same for everybody."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from linecolor.evaluation.hint_levels import NO_HINTS, DrawingHints, LayerHints, ProtocolHints, named_picture
from linecolor.evaluation.methods import ExternalMethod, ReferenceMethod, TrainedMethod, resized
from linecolor.evaluation.references import REFERENCES
from linecolor.images import write_png
from linecolor.rendering.options import RenderingOptions
from linecolor.samples import FullDrawing
from linecolor.systems.line_colorizer import LineColorizer

SHAPE = (60, 80)


def drawing(name: str = "a") -> FullDrawing:
    line = np.full(SHAPE, 255, np.uint8)
    cv2.circle(line, (40, 30), 20, 0, 2)
    color = np.full((*SHAPE, 3), 255, np.uint8)
    cv2.circle(color, (40, 30), 20, (200, 30, 40), -1)
    return FullDrawing(name, line, color, color[..., 1] < 255)


def test_the_protocols_levels_begin_alike():
    hints = ProtocolHints([8, 0, 2, 8])
    assert hints.levels == ["000", "002", "008"]
    none, two, eight = hints.of(drawing())
    assert none.layer is None
    assert none.hints == []
    assert two.hints == eight.hints[:2]
    assert (eight.layer[two.layer[..., 3] > 0, 3] == 255).all()


def test_hints_do_not_depend_on_the_folder_a_drawing_lies_in():
    assert ProtocolHints([4]).of(drawing("a"))[0].hints == ProtocolHints([4]).of(drawing("deep/in/a"))[0].hints


def test_hint_layers_come_back_as_they_were_written(tmp_path):
    page = drawing()
    for hints in ProtocolHints([0, 4, 16]).of(page):
        layer = np.zeros((*SHAPE, 4), np.uint8) if hints.layer is None else hints.layer
        write_png(tmp_path / hints.level / "a.png", layer)
    read = LayerHints(tmp_path)
    assert read.levels == ["000", "004", "016"]
    for written, found in zip(ProtocolHints([0, 4, 16]).of(page), read.of(page), strict=True):
        np.testing.assert_equal(found.layer, written.layer)
        assert found.hints is None


def test_levels_are_sorted_as_numbers_where_they_are_numbers(tmp_path):
    for label in ("0.10", "1.00", "0.05", "0.00"):
        write_png(tmp_path / label / "a.png", np.zeros((*SHAPE, 4), np.uint8))
    assert LayerHints(tmp_path).levels == ["0.00", "0.05", "0.10", "1.00"]


def test_a_missing_layer_and_a_missing_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder of hint layers"):
        LayerHints(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no sub-folder"):
        LayerHints(tmp_path)
    write_png(tmp_path / "008" / "b.png", np.zeros((*SHAPE, 4), np.uint8))
    with pytest.raises(FileNotFoundError, match="no hint layer of a"):
        LayerHints(tmp_path).of(drawing())


def test_foreign_results_are_read_by_level_and_brought_to_full_size(tmp_path):
    write_png(tmp_path / "008" / "a.png", np.full((30, 40, 3), 7, np.uint8))
    system = ExternalMethod("theirs", tmp_path)
    none, eight = ProtocolHints([0, 8]).of(drawing())
    result = system.color(drawing(), eight)
    assert result.full.shape == (*SHAPE, 3)
    assert result.network.shape == (30, 40, 3)
    assert (result.full == 7).all()
    assert system.color(drawing(), none) is None
    assert "has no result of a" in system.missing[0]


def test_a_flat_folder_holds_results_without_hints(tmp_path):
    write_png(tmp_path / "a.png", np.full((*SHAPE, 3), 7, np.uint8))
    system = ExternalMethod("theirs", tmp_path)
    none, eight = ProtocolHints([0, 8]).of(drawing())
    assert (system.color(drawing(), none).full == 7).all()
    assert system.color(drawing(), eight) is None
    assert "has no levels" in system.missing[0]


@pytest.mark.parametrize(("size", "fits"), [((30, 40), True), ((33, 40), True), ((60, 60), False), ((1, 1), False)])
def test_a_result_of_another_shape_or_a_broken_one_is_noted_and_ends_nothing(tmp_path, size, fits):
    system = ExternalMethod("theirs", tmp_path)
    (tmp_path / "a.png").write_bytes(b"\x89PNG no")
    assert system.color(drawing(), NO_HINTS) is None
    assert "a.png" in system.missing[0]
    write_png(tmp_path / "a.png", np.full((*size, 3), 7, np.uint8))
    assert (system.color(drawing(), NO_HINTS) is not None) == fits
    assert fits or "another shape" in system.missing[1]


def test_a_link_among_the_results_counts(tmp_path):
    write_png(tmp_path / "elsewhere.png", np.full((*SHAPE, 3), 7, np.uint8))
    (tmp_path / "results").mkdir()
    (tmp_path / "results/a.png").symlink_to(tmp_path / "elsewhere.png")
    assert ExternalMethod("theirs", tmp_path / "results").color(drawing(), NO_HINTS) is not None


def test_a_folder_that_could_only_count_for_nothing_is_refused(tmp_path):
    (tmp_path / "8").mkdir()
    with pytest.raises(FileNotFoundError, match=r"LEVEL/NAME.png with the levels 000, 008"):
        ExternalMethod("theirs", tmp_path).check(["000", "008"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no run, no bundle and no results"):
        ExternalMethod("theirs", tmp_path / "empty").check(["000"])


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/../../secret"])
def test_a_drawings_name_leads_out_of_no_folder(tmp_path, name):
    write_png(tmp_path / "secret.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "results" / "sub").mkdir(parents=True)
    assert named_picture(tmp_path / "results", name) is None


def test_references_without_hints_are_measured_once_and_the_others_need_a_list():
    by_name = {reference.name: ReferenceMethod(reference) for reference in REFERENCES}
    page = drawing()
    layer_only = DrawingHints("0.10", ProtocolHints([4]).of(page)[0].layer, None)
    assert by_name["watershed"].color(page, layer_only) is None
    assert not by_name["bare line"].uses_hints
    np.testing.assert_array_equal(by_name["bare line"].color(page, NO_HINTS).full[..., 0], page.line)


def test_a_trained_system_shows_what_its_network_left():
    class Grey(nn.Module):
        multiple = 2

        def forward(self, line: torch.Tensor, hint: torch.Tensor) -> torch.Tensor:
            assert hint.shape[-2:] == (line.shape[-2] // 2, line.shape[-1] // 2)
            return line.new_zeros((len(line), 3, *line.shape[-2:]))

    colorizer = LineColorizer({"grey": Grey()}, "none", RenderingOptions(resolution=32, blend="none"))
    result = TrainedMethod(colorizer).color(drawing(), ProtocolHints([4]).of(drawing())[0])
    assert result.network.shape == (32, 42, 3)
    assert (result.full == 128).all()
    assert colorizer.colorize_with_steps(drawing().line).draft is None


def test_results_are_reduced_by_area_and_enlarged_smoothly():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[::2, ::2] = 200
    assert (resized(picture, (2, 2)) == 50).all()
    assert resized(picture, (4, 4)) is picture
    assert resized(picture, (9, 7)).shape == (9, 7, 3)
