"""The report as one HTML document.

Everything shown is data from a run (names, configuration, pictures), so all text is escaped by Jinja2 and the
page carries a content security policy that lets nothing but its own script run and nothing load from outside.
"""

import base64
import hashlib
import os
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup

from linecolor.html.curves import PLOT, Curve, draw_curve
from linecolor.html.pictures import Sheet, embed_sheets
from linecolor.html.tables import Table, lay_out_table
from linecolor.images import write_atomically

SCRIPTS = ("drawings.js", "view.js", "divider.js", "gestures.js", "report.js")
"""The parts of the page's one script, in the order of their definitions."""


@dataclass(frozen=True)
class Report:
    """All a report shows. facts: key facts for the top; licence: name, url, attribution (each optional)."""

    title: str
    subtitle: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    config_yaml: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    licence: dict[str, str] | None = None
    created: str = ""


def render_report(report: Report, *, picture_bytes: int = 18_000_000) -> str:
    """The report as one HTML document without any reference to the outside but the licence's link.

    picture_bytes: bound on all embedded pictures together, in bytes before base64 (which adds a third). Beyond it the
        largest pictures are compressed harder, then reduced, until the sum fits or all are thumbnails.
    Raises ValueError for a picture that is not uint8 of a known shape, for rows that do not fit their columns, for a
    diagram that draw_curve refuses and for an unknown highlight.
    """
    sheets, reduced, total = embed_sheets(report.sheets, picture_bytes)
    # One function round all parts: they share their names with one another and with nothing else.
    script = '"use strict";\n(() => {\n' + "\n".join(_resource(name) for name in SCRIPTS) + "})();\n"
    return render_page(
        "report.html.j2",
        report=report,
        tables=[lay_out_table(table) for table in report.tables],
        curves=[draw_curve(curve) for curve in report.curves],
        sheets=sheets,
        pictures_reduced=reduced,
        pictures_total=total,
        licence_url=_web_address((report.licence or {}).get("url", "")),
        plot=PLOT,
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def render_page(template: str, **values: Any) -> str:
    """A template of `templates` with these values and the style sheet of all pages."""
    page = _environment().get_template(template).render(css=Markup(_resource("report.css")), **values)
    # A file name that is not valid UTF-8 reaches Python as lone surrogates, which no encoder takes.
    return page.encode("utf-8", "replace").decode("utf-8")


def write_report(path: str | os.PathLike[str], report: Report, *, picture_bytes: int = 18_000_000) -> Path:
    """Render the report into path, whole or not at all; folders are made. Returns the path.

    Raises what render_report raises, before path is touched, and OSError where the folder cannot be written.
    """
    target = Path(path)
    write_atomically(target, render_report(report, picture_bytes=picture_bytes).encode("utf-8"))
    return target


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("linecolor.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _resource(name: str) -> str:
    return files("linecolor.html").joinpath("templates", name).read_text(encoding="utf-8")


def _web_address(url: str) -> str:
    # Anything but the web (javascript:, data:, file:) stays plain text.
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""
