"""The report is one safe file: nothing from outside, nothing unescaped."""

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from linecolor.html import Curve, Report, Sheet, SheetRow, Table, render_report, write_report

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&{{7*7}}{%x%}"


def full_report(text: str = "plain") -> Report:
    hint = np.zeros((16, 16, 4), np.uint8)
    hint[4:7, 4:7] = (200, 30, 20, 255)
    line = np.full((32, 32), 255, np.uint8)
    row = SheetRow(text, text, [line, hint, np.zeros((40, 40, 3), np.uint8), None], [text] * 4)
    return Report(
        title=text,
        subtitle=text,
        facts=[(text, text)],
        warnings=[text],
        tables=[Table(text, text, [text, "PSNR"], [[text, 21.5], [None, 20.0]], {"PSNR": "max"})],
        curves=[Curve(text, text, text, {text: ([1.0, 2.0], [3.0, 4.0])}, errors={text: [0.5, 0.5]})],
        sheets=[Sheet(text, text, ["line", text, "colorized", "truth"], [row])],
        config_yaml=text,
        versions={text: text},
        licence={"name": text, "url": "https://example.org/licence", "attribution": text},
        created=text,
    )


def test_the_file_loads_nothing_from_outside_and_its_policy_admits_exactly_its_script(read_page) -> None:
    html = render_report(full_report())
    page = read_page(html)
    for tag, attrs in page.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            address = attrs.get(name, "#")
            if tag == "a" and address == "https://example.org/licence":
                continue
            assert address.startswith(("#", "data:")), f"{tag} {name}={address[:60]}"
    assert not re.search(r"url\(|@import", "".join(re.findall(r"<style>(.*?)</style>", html, re.S)))
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy
    script = re.search(r"<script>(.*?)</script>", html, re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert html.count("<script") == 1


def test_the_script_finds_its_elements_and_compares_alone_side_by_side_and_by_keyboard_too(read_page) -> None:
    html = render_report(full_report())
    page = read_page(html)
    asked = set(re.findall(r'getElementById\("([^"]+)"\)', html))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert {"zoom", "zoom-panes", "zoom-divider", "zoom-left", "zoom-right"} <= asked <= set(ids)
    assert len(ids) == len(set(ids))
    buttons = page.all("button")
    modes = {a["data-mode"]: a["title"] for a in buttons if "data-mode" in a}
    assert list(modes) == ["single", "side", "slider"]
    for title in modes.values():
        (key,) = re.findall(r"\((\w)\)", title)
        assert f" {key}: () => setMode(" in html
    divider = next(a for a in page.all("div") if a.get("id") == "zoom-divider")
    assert (divider["role"], divider["tabindex"]) == ("slider", "0")
    assert all("aria-label" in a for a in page.all("select"))
    for action in (a["data-do"] for a in buttons if "data-do" in a):
        assert re.search(rf"^  {action}(:|,)", html, re.M), f"no action for the button {action!r}"


def test_hostile_text_is_shown_and_never_obeyed(read_page) -> None:
    plain, hostile = read_page(render_report(full_report())), read_page(render_report(full_report(HOSTILE)))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert not any(name.startswith("on") for _, attrs in hostile.elements for name in attrs)
    assert hostile.text.count(HOSTILE) >= 15
    assert "49" not in hostile.text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://[x", "//a"])
def test_only_a_web_address_becomes_a_link(read_page, url: str) -> None:
    page = read_page(render_report(Report("run", licence={"name": "mine", "url": url})))
    assert [a["href"] for a in page.all("a")] == ["#licence"]
    assert "mine" in page.text


def test_undecodable_file_names_do_not_stop_the_report(tmp_path: Path) -> None:
    report = Report("run", sheets=[Sheet("S", "", ["line"], [SheetRow("caf\udce9.png", "", [None])])])
    assert "caf?.png" in write_report(tmp_path / "report.html", report).read_text(encoding="utf-8")


SERIES = {"s": ([0, 1], [1.0, 2.0])}


def test_what_does_not_fit_or_means_nothing_is_named() -> None:
    columns = ["line", "truth"]
    for named, wrong in {
        "row 'cat': 1 pictures for 2": {"sheets": [Sheet("S", "", columns, [SheetRow("cat", "", [None])])]},
        "row 'cat': 1 captions for 2": {"sheets": [Sheet("S", "", columns, [SheetRow("cat", "", [None] * 2, ["x"])])]},
        "table 'T': 1 cells for 2 columns": {"tables": [Table("T", "", columns, [[1]])]},
        "highlight 'a': 'best'": {"tables": [Table("T", "", ["a"], [[1]], {"a": "best"})]},
        "series 's': 2 x values for 1 y values": {"curves": [Curve("C", "", "", {"s": ([1, 2], [1])})]},
        "series 's': 1 errors for 2 y values": {"curves": [Curve("C", "", "", SERIES, errors={"s": [1.0]})]},
        "series 's': an error of -0.5": {"curves": [Curve("C", "", "", SERIES, errors={"s": [1.0, -0.5]})]},
        "errors of 'other', which is no series": {"curves": [Curve("C", "", "", SERIES, errors={"other": [1.0, 1.0]})]},
        "'C': an x tick at -1 has no place": {"curves": [Curve("C", "", "", SERIES, log1_x=True, x_ticks=[1, -1])]},
    }.items():
        with pytest.raises(ValueError, match=named):
            render_report(Report("run", **wrong))


def test_an_empty_report_says_so(read_page) -> None:
    page = read_page(render_report(Report("run")))
    assert "no results yet" in page.text
    assert not page.all("nav")
    empty = Report("run", tables=[Table("T", "", ["a"], [])], sheets=[Sheet("S", "", ["line"], [])])
    text = read_page(render_report(empty)).text
    assert "nothing has been measured" in text
    assert "No pictures in this sheet" in text


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "one" / "report.html"
    assert write_report(target, Report("first")) == target
    row = SheetRow("cat", "", [np.zeros((2, 2))])
    with pytest.raises(ValueError, match="uint8"):
        write_report(target, Report("second", sheets=[Sheet("S", "", ["line"], [row])]))
    assert "first" in target.read_text(encoding="utf-8")
    assert list(target.parent.iterdir()) == [target]
