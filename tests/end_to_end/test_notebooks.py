"""The notebooks run on the code as it is, and what is committed shows their pictures."""

import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
FEWEST_FIGURES = {"comic": 2, "library": 1, "pairs": 8, "release": 3, "table2": 4}
LARGEST_FILE = 1_500_000
"""Bytes: more is slow to open on a forge, and stays in the history for ever."""


def figures(notebook: NotebookNode) -> list[int]:
    """How many pictures each code cell shows."""
    return [
        sum("image/png" in output.get("data", {}) for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def complaints(notebook: NotebookNode) -> list[str]:
    """Errors and warnings among the outputs."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [str(output)[:300] for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


@pytest.fixture
def kernel(tmp_path, monkeypatch) -> AsyncKernelManager:
    """A kernel on the interpreter that runs the tests, whatever kernels and settings the user has."""
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    specs = tmp_path / "kernels"
    write_kernel_spec(specs / "python3")
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs)], ensure_native_kernel=False),
    )
    assert manager.kernel_spec.argv[0] == sys.executable
    return manager


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} == set(FEWEST_FIGURES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_the_figures_that_are_committed(path, kernel):
    committed = nbformat.read(path, as_version=4)
    before = path.read_bytes()
    made = nbformat.read(path, as_version=4)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    # A failing cell raises CellExecutionError, with the cell and its traceback.
    pictures = {picture: picture.read_bytes() for picture in (FOLDER.parent / "docs").glob("*.png")}
    try:
        NotebookClient(made, km=kernel, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    finally:  # a run on another machine must not change what is committed
        for picture, content in pictures.items():
            picture.write_bytes(content)
    assert sum(figures(made)) >= FEWEST_FIGURES[path.stem]
    assert figures(made) == figures(committed), f"run {path.name} again and commit its outputs"
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_was_run_in_order_and_without_complaint(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), f"restart the kernel and run all of {path.name}"
    assert complaints(notebook) == []
    assert sum(figures(notebook)) >= FEWEST_FIGURES[path.stem]
    assert path.stat().st_size <= LARGEST_FILE


def test_the_parts_as_a_library_take_forty_lines():
    cells = nbformat.read(FOLDER / "library.ipynb", as_version=4).cells
    lines = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()]
    assert len(lines) <= 40
