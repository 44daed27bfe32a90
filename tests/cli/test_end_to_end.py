"""The whole way, with real models in real child processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from litesmith.graph import read, verify

COMMAND = [sys.executable, "-m", "litesmith"]


def litesmith(*args: object, **more: object) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *map(str, args)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **more)  # type: ignore[call-overload, no-any-return]


def contents(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.h5", "tiny_saved"])
def test_export_check_compare_and_bench(models, tmp_path, name):
    out, exact = tmp_path / "o.tflite", tmp_path / "f.tflite"
    data = f"{models / 'data.npz'}#x,y"
    done = litesmith(
        "export", models / name, "-o", out, "--data", data, "--eval", data, "--json",
        "--save-float", exact,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["status"] == "ok"
    assert found["parity"]["float_max_abs_error"] < 1e-5
    assert found["parity"]["max_abs_error"] < 0.05
    assert found["artifact"]["float_ops"] == 0
    assert found["score"]["examples"] == 40
    assert "INFO" not in done.stderr

    checked = json.loads(litesmith("check", out, "--target", "edgetpu", "--json").stdout)
    assert checked["quantized"] is True
    assert checked["target"]["runs"] is True
    compared = json.loads(litesmith("compare", exact, out, "--data", data, "--json").stdout)
    assert compared["parity"]["max_abs_error"] == pytest.approx(
        found["parity"]["max_abs_error"], abs=1e-4
    )
    benched = json.loads(litesmith("bench", exact, out, "--json").stdout)
    assert [row["path"] for row in benched["files"]] == [str(exact), str(out)]
    declined = litesmith("export", out, "-o", tmp_path / "again.tflite")
    assert declined.returncode == 4
    assert "already quantized" in declined.stderr
    assert contents(tmp_path) == ["f.tflite", "o.tflite"]


def test_demo_prints_its_table_and_the_way_on(tmp_path):
    done = litesmith("demo", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    for text in ("original", "float", "int8", "597 labelled examples", "Next:"):
        assert text in done.stdout
    assert contents(tmp_path) == ["digits.tflite"]


def test_a_recipe_repeats_a_run_to_the_byte(models, tmp_path):
    recipe = tmp_path / "r.toml"
    first, second = tmp_path / "1.tflite", tmp_path / "2.tflite"
    made = litesmith(
        "export", models / "tiny.keras", "-o", first, "--data", models / "data.npz",
        "--input-type", "uint8", "--save-recipe", recipe,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    again = litesmith("export", models / "tiny.keras", "-o", second, "--recipe", recipe)
    assert again.returncode == 0, again.stderr
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--data", "{models}/data.npz#flat"], 2, "shape"),
        (["--data", "{models}/data.npz#z"], 2, "no array 'z'"),
        (
            ["--data", "{models}/data.npz", "--max-drop", "0", "--eval", "{tmp}/wrong.npz"],
            2,
            "wrong",
        ),
        (["--signature", "nope"], 2, "nope"),
    ],
)
def test_bad_options_leave_what_was_there(models, tmp_path, options, code, sentence):
    out = tmp_path / "o.tflite"
    out.write_bytes(b"precious")
    filled = [text.format(models=models, tmp=tmp_path) for text in options]
    done = litesmith("export", models / "tiny_saved", "-o", out, *filled)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert out.read_bytes() == b"precious"
    assert contents(tmp_path) == ["o.tflite"]


def test_a_missed_budget_keeps_the_file_beside(models, tmp_path):
    out = tmp_path / "o.tflite"
    out.write_bytes(b"precious")
    done = litesmith(
        "export", models / "tiny.keras", "-o", out, "--data", models / "data.npz", "--json",
        "--max-drop", "0", "--eval", models / "data.npz",
        "--metric", f"py:{_metric(tmp_path)}:never",
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    found = json.loads(done.stdout)
    assert found["status"] == "rejected"
    assert found["artifact"]["path"] == str(tmp_path / "o.rejected.tflite")
    assert out.read_bytes() == b"precious"
    assert {"o.tflite", "o.rejected.tflite"} <= set(contents(tmp_path))


def _metric(folder: Path) -> Path:
    """A metric that is worse for each further call: source first, artifact second."""
    path = folder / "metric.py"
    path.write_text(
        "calls = []\n\n\ndef never(truth, output):\n    calls.append(1)\n    return -len(calls)\n"
    )
    return path


BROKEN = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "random": lambda data: bytes(os.urandom(len(data))),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("name", ["tiny.keras", "tiny.h5", "m.tflite", "tiny_saved"])
def test_broken_files_are_one_sentence_and_exit_code_3(models, tmp_path, name, how):
    source = tmp_path / name
    if name == "tiny_saved":
        shutil.copytree(models / name, source)
        broken = source / "saved_model.pb"
    else:
        broken = source
        broken.write_bytes(_tflite() if name == "m.tflite" else (models / name).read_bytes())
    broken.write_bytes(BROKEN[how](broken.read_bytes()))
    (tmp_path / "out").mkdir()
    done = litesmith("export", source, "-o", tmp_path / "out" / "o.tflite", "-q")
    assert done.returncode == 3, (done.returncode, done.stderr)
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert contents(tmp_path / "out") == []


def _tflite() -> bytes:
    from litesmith.graph import write
    from tests.api.fakes import classifier

    return write(classifier())


@pytest.mark.parametrize("name", ["missing.keras", "missing.h5", "missing.tflite", "missing"])
def test_missing_files_are_exit_code_2(tmp_path, name):
    done = litesmith("export", tmp_path / name, "-o", tmp_path / "o.tflite")
    assert done.returncode == 2
    assert name in done.stderr
    assert contents(tmp_path) == []


@pytest.mark.parametrize("after", [0.5, 2.0, 3.5])
def test_kill_9_leaves_nothing_and_what_was_there(models, tmp_path, after):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    (out / "o.tflite").write_bytes(b"precious")
    words = [*COMMAND, "export", str(models / "tiny.keras"), "-o", str(out / "o.tflite"),
             "--data", f"{models / 'data.npz'}#x"]  # fmt: skip
    env = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as run:
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL)
        run.wait(60)
    assert contents(out) == ["o.tflite"]
    found = (out / "o.tflite").read_bytes()
    assert found == b"precious" or verify(read(found)).ops  # all of it, where it was done just then
    deadline = time.monotonic() + 30
    while os.listdir(scratch) and time.monotonic() < deadline:
        time.sleep(0.2)  # the child notices that its parent is gone
    assert os.listdir(scratch) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_exit_code_2_and_leaves_what_was_there(models, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (disk / "o.tflite").write_bytes(b"precious")
        (disk / "filler").write_bytes(b"x" * 9000)
        done = litesmith("export", models / "tiny.keras", "-o", disk / "o.tflite", "-q")
        found = contents(disk), (disk / "o.tflite").read_bytes()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert done.returncode == 2, done.stderr
    assert "there is no space left on the device" in done.stderr
    assert found == (["filler", "o.tflite"], b"precious")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_read_only_folder_is_told_before_loading(models, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        done = litesmith("export", models / "tiny.keras", "-o", disk / "o.tflite")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert done.returncode == 2
    assert "the file system is read-only" in done.stderr
    assert "Loading" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(models, tmp_path):
    script = '"$0" -m litesmith check "$1" --json 2>"$2" | true; exit ${PIPESTATUS[0]}'
    words = tmp_path / "words"
    command = ["bash", "-c", script, sys.executable, str(models / "tiny.keras"), str(words)]
    assert subprocess.run(command, check=False).returncode == 0
    assert "Traceback" not in words.read_text()
