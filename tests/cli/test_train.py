"""Training on the command line: interrupts, kills, resuming, with a fake and fast trainer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.api.fakes import features

PROGRAM = """
import sys
from dataclasses import replace
from litesmith.cli import main
from litesmith.forge import export as flow
from litesmith.train import process
from tests.api.fakes import FakeSource, classifier
flow.open_source = lambda source, options: FakeSource(classifier())
process.PROGRAM = replace(process.PROGRAM, module="tests.train.fake_child")
sys.exit(main(["export", "m.keras", "-o", "out.tflite", *sys.argv[1:]]))
"""


@dataclass
class Folder:
    path: Path

    def start(self, *options: str, how: str = "good") -> subprocess.Popen[str]:
        (self.path / "tmp").mkdir(exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(self.path / "tmp"), "LITESMITH_FAKE": how,
                       "LITESMITH_FAKE_SAVES": "1"}  # fmt: skip
        words = [sys.executable, "-c", PROGRAM, "--data", "x.npz", "--train", "auto", *options]
        return subprocess.Popen(
            words, cwd=self.path, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *options: str, how: str = "good") -> tuple[int, str, str]:
        with self.start(*options, how=how) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def left(self) -> list[str]:
        """Return the files of this folder and of the temporary one."""
        return sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*") if not p.is_dir())


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "work"
    path.mkdir()
    np.savez(path / "x.npz", x=features(64))
    return Folder(path)


def until(process, word):
    """Read the words of a process until one stands in a line."""
    for line in process.stderr:
        if word in line:
            return
    pytest.fail(f"it never said '{word}'")


def test_progress_goes_to_stderr_and_one_document_to_stdout(folder):
    code, out, err = folder.run("--json")
    assert code == 0
    assert "step 5 of 5: loss 0.2, agreement 90.0%, 1 s left" in err
    (step,) = [s for s in json.loads(out)["steps"] if s["name"] == "train"]
    assert step["outcome"] == "done"
    assert [p["step"] for p in step["training"]["curve"]] == [1, 2, 3, 4, 5]
    assert folder.left() == ["out.tflite", "x.npz"]


def test_ctrl_c_keeps_the_best_and_resume_goes_on(folder):
    with folder.start("--json", how="endless") as process:
        until(process, "step 3 of")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Stopping" in err
    found = json.loads(out)
    (step,) = [s for s in found["steps"] if s["name"] == "train"]
    assert step["training"]["stopped"] == "interrupted"
    assert 3 <= step["training"]["steps"] < step["training"]["planned"]
    assert any("--resume" in w["hint"] for w in found["warnings"])
    assert folder.left() == ["out.tflite", "out.train.npz", "x.npz"]
    code, out, _ = folder.run("--json", "--resume")
    assert code == 0
    done = step["training"]["steps"]
    (step,) = [s for s in json.loads(out)["steps"] if s["name"] == "train"]
    assert all(p["step"] > done for p in step["training"]["curve"])
    assert folder.left() == ["out.tflite", "x.npz"]


def test_ctrl_c_twice_writes_nothing(folder):
    (folder.path / "out.tflite").write_bytes(b"precious")
    with folder.start(how="deaf") as process:
        until(process, "step 3 of")
        process.send_signal(signal.SIGINT)
        until(process, "Stopping")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert (folder.path / "out.tflite").read_bytes() == b"precious"
    assert folder.left() == ["out.tflite", "out.train.npz", "x.npz"]


def test_kill_9_leaves_a_state_to_resume_from(folder):
    (folder.path / "out.tflite").write_bytes(b"precious")
    with folder.start(how="endless") as process:
        until(process, "step 4 of")
        process.kill()
        process.communicate(timeout=60)
    for _ in range(200):
        if not list((folder.path / "tmp").iterdir()):
            break
        time.sleep(0.05)
    assert (folder.path / "out.tflite").read_bytes() == b"precious"
    assert folder.left() == ["out.tflite", "out.train.npz", "x.npz"]
    assert folder.run("--resume")[0] == 0
    assert folder.left() == ["out.tflite", "x.npz"]


def test_a_child_that_dies_is_one_sentence(folder):
    code, out, err = folder.run("--json", how="kill")
    assert code == 4
    error = json.loads(out)["error"]
    assert "signal 9" in error["message"]
    assert Path(error["log"]).is_file()
    assert "Traceback" not in err
    assert "out.tflite" not in folder.left()


def test_a_folder_that_cannot_be_written_is_found_at_once(folder):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    folder.path.chmod(0o500)
    try:
        code, _, err = folder.run()
    finally:
        folder.path.chmod(0o700)
    assert code == 2
    assert "permission" in err
