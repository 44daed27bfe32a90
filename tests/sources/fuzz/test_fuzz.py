"""The same damage from the same seed; a small run of benchmarks/fuzz.py; exit codes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources.fuzz import mutations
from tests.sources.fuzz.originals import FORMATS

_REPO = Path(__file__).parents[3]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (_REPO / "src", _REPO)))}


def test_bytes_are_damaged_the_same_way_again() -> None:
    data = bytes(range(256)) * 4
    runs = [
        [mutations.mutate_bytes(data, random.Random(f"x/{i}")) for i in range(100)]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert sum(changed != data for _, changed in runs[0]) > 90


def test_json_is_damaged_and_stays_json() -> None:
    text = json.dumps({"a": [1, {"b": "c"}], "d": {"e": None}})
    edited = {mutations.mutate_json(text, random.Random(i)) for i in range(100)}
    assert len(edited) > 50
    assert all(json.loads(one) is not None for one in edited)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_a_small_run(form: str) -> None:
    command = [sys.executable, "-m", "benchmarks.fuzz", "--formats", form, "--count", "60"]
    command += ["--seed", "7"]
    run = subprocess.run(command, env=_ENVIRONMENT, cwd=_REPO, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert "60 files, 0 defects" in run.stdout


_WRITE = """
import sys
from pathlib import Path
from tests.sources.fuzz import originals
from tests.sources.fuzz.harness import damaged
folder, count = Path(sys.argv[1]), int(sys.argv[2])
for form in originals.FORMATS:
    original = originals.make(form, folder / "originals" / form)
    for i in range(count):
        print(damaged(form, original, i, 3, folder / form)[0])
"""


@pytest.mark.slow
def test_exit_codes_of_the_command_line(tmp_path: Path) -> None:
    writer = [sys.executable, "-c", _WRITE, str(tmp_path), "3"]
    environment = {**_ENVIRONMENT, "KERAS_BACKEND": "tensorflow", "XDG_STATE_HOME": str(tmp_path)}
    made = subprocess.run(
        writer, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for path in made.stdout.split():
        out = tmp_path / "out.tflite"
        command = [sys.executable, "-m", "litesmith", "export", path, "-o", str(out), "--json"]
        run = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
        assert run.returncode in (0, 2, 3, 4, 5), (path, run.stderr)
        assert "Traceback" not in run.stderr
        document = json.loads(run.stdout)
        assert (document["error"] is None) == (run.returncode == 0)
        out.unlink(missing_ok=True)
