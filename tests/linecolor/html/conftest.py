import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image


class Page(HTMLParser):
    """The elements of a page, and its text outside script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._raw = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._raw else data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def pictures(self) -> list[np.ndarray]:
        uris = [attrs["src"] for attrs in self.all("img")]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(u.split(",", 1)[1])))) for u in uris]


@pytest.fixture
def read_page() -> type[Page]:
    """Parses a rendered report."""
    return Page
