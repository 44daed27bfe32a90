"""What the package promises: versions agree, the wheel holds the demo, imports stay inside."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    return table


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_constrained(project: dict[str, Any]) -> None:
    lines = (REPO / "constraints.txt").read_text().splitlines()
    exact = {canonical(line.split("==")[0]) for line in lines if "==" in line}
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {canonical(re.match(r"[\w.-]+", line)[0]) for line in wanted}  # type: ignore[index]
    assert names <= exact


def test_version_is_told_by_the_package(project: dict[str, Any]) -> None:
    import litesmith

    assert litesmith.__version__ == project["version"]


def test_no_benchmark_is_imported_by_the_package() -> None:
    sources = (REPO / "src").rglob("*.py")
    pattern = re.compile(r"^\s*(from|import) (benchmarks|examples|tests)\b", re.MULTILINE)
    assert [path for path in sources if pattern.search(path.read_text())] == []


@pytest.mark.slow
def test_wheel_holds_the_demo(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, REPO]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("litesmith-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "litesmith/_examples/digits/digits.keras" in names
    assert "litesmith/_examples/digits/digits.npz" in names
    assert "litesmith/cli/__init__.py" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
