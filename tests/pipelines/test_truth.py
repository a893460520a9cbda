"""The simulated company's truth is for the oracle alone: no stage that learns or scores ever reads it."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from pipelines.composition import ROOT
from tests.pipelines.demo import Demo

ALLOWED = {"src/churn/simulation", "src/churn/evaluation/oracle.py", "pipelines/simulate.py", "pipelines/oracle.py"}
FILES = [
    path
    for folder in ("src/churn", "pipelines")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {str(parent.relative_to(ROOT)) for parent in (path, *path.parents) if parent.is_relative_to(ROOT)} & ALLOWED
]


def _names(path: Path) -> set[str]:
    """Modules imported, names used and text said in a file, docstrings and help aside."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            found.add(node.value)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_source_file_names_it(path: Path) -> None:
    names = _names(path)
    assert not [name for name in names if "truth" in name.casefold()]
    if path.name not in ("demo.py",):
        may = {"churn.simulation.settings"} if path.name == "stages.py" else set()  # to check what was asked for
        assert not {name for name in names if name.startswith("churn.simulation")} - may


def test_every_stage_gives_the_same_without_it(own_demo: Demo) -> None:
    before = {path.name: path.read_bytes() for path in own_demo.lists.glob("*.parquet")}
    for path in own_demo.data.glob("*truth*"):
        shutil.rmtree(path)
    for stage in ("validate", "features", "train", "explain"):
        own_demo.ok(stage)
    own_demo.ok("score", "--as-of", "latest")
    assert {path.name: path.read_bytes() for path in own_demo.lists.glob("*.parquet")} == before


def test_it_lies_outside_the_folder_that_sources_read(demo: Demo) -> None:
    truth = demo.data / "demo_truth"
    assert truth.is_dir()
    for settings in demo.settings().source.inputs.values():
        assert not str(settings.path).startswith(str(truth))
        assert str(settings.path).startswith(str(demo.data / "demo" / "raw"))
