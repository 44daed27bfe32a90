from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from litesmith import api
from litesmith.cli import main
from litesmith.errors import BudgetError, ConversionError, InternalError, LoadError
from litesmith.report import Report

OK = Report("0.1.0", status="ok")


@pytest.fixture
def verb(monkeypatch):
    """Let `litesmith export` do something else than exporting."""

    def put(function):
        monkeypatch.setattr(api, "export", function)

    return put


def export(*more: str) -> int:
    return main(["export", "m.keras", "-o", "o.tflite", *more])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InternalError("Broken.", "Report it.", "/log"), 1),
        (LoadError("Not a model.", "Look.", "/log"), 3),
        (ConversionError("Not for this target.", "Look."), 4),
        (BudgetError("Too bad."), 5),
    ],
)
def test_errors_become_exit_codes(verb, capfd, error, code):
    def fail(*args, **options):
        raise error

    verb(fail)
    assert export("--json") == code
    out, err = capfd.readouterr()
    assert f"Error: {error.message}" in err
    assert error.hint in err
    found = json.loads(out)
    assert found["error"] == error.as_json()


def test_an_error_carries_what_was_known(verb, capfd):
    def fail(*args, **options):
        error = BudgetError("Missed.")
        error.report = replace(OK, status="rejected", error=error.as_json())
        raise error

    verb(fail)
    assert export("--json") == 5
    assert json.loads(capfd.readouterr().out)["status"] == "rejected"


def test_a_defect_is_one_sentence_and_a_log(verb, capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def fail(*args, **options):
        os.write(2, b"native noise\n")
        raise ZeroDivisionError("division by zero")

    verb(fail)
    assert export() == 1
    _, err = capfd.readouterr()
    assert "litesmith itself failed (ZeroDivisionError: division by zero)." in err
    assert "Traceback" not in err
    assert "native noise" not in err
    (log,) = tmp_path.rglob("*.log")
    assert str(log) in err
    assert "native noise" in log.read_text()
    assert "Traceback" in log.read_text()


def test_native_noise_and_prints_stay_out_of_the_results(verb, capfd):
    def noisy(*args, **options):
        os.write(1, b"native one\n")
        os.write(2, b"native two\n")
        print("a user's print")
        return OK

    verb(noisy)
    assert export("--json", "--quiet") == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["status"] == "ok"
    assert err == "a user's print\n"


def test_a_run_that_succeeds_leaves_no_log(verb, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    verb(lambda *args, **options: OK)
    assert export("--quiet") == 0
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_is_one_line(verb, capfd):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    verb(interrupted)
    assert export() == 130
    assert capfd.readouterr().err == "Interrupted; nothing was written.\n"


def test_out_of_memory_is_a_sentence(verb, capfd):
    def greedy(*args, **options):
        raise MemoryError

    verb(greedy)
    assert export() == 1
    assert "not enough memory" in capfd.readouterr().err


def test_descriptors_are_restored(verb, capfd):
    verb(lambda *args, **options: OK)
    export("--quiet")
    os.write(1, b"after\n")
    assert capfd.readouterr().out.endswith("after\n")


def test_progress_is_a_few_plain_lines_without_a_terminal(verb, capfd):
    def staged(*args, listen, **options):
        for fraction in (None, 0.5, 1.0):
            listen("load", None)
            listen("calibrate", fraction)
        return OK

    verb(staged)
    assert export("--json") == 0
    assert capfd.readouterr().err == "Loading the model …\nQuantizing …\n"
    assert export("--json", "--quiet") == 0
    assert capfd.readouterr().err == ""


def test_every_option_of_export_reaches_the_api(verb):
    given = {}
    verb(
        lambda source, output, **options: given.update(options, source=source, output=output) or OK
    )
    words = (
        "--quantize int8 --data d --eval e --metric auc --max-drop 1% --confident "
        "--preprocess unit --preprocess b:tf --input-type int8 --output-type uint8 --target micro "
        "--signature s --input-shape a=1x2 --custom-objects py:m.py:A --builder py:b.py:f --seed 3 "
        "--save-float f --recipe r --save-recipe s --time-limit 5 -q "
        "--inputs i,j --outputs o --input layer --allow-flex --trust --batch 4 --no-rewrite r "
        "--labels l --metadata --task general --score-threshold 0.5 --vocabulary v "
        "--sample-rate 16000 --c-array c --input-layout nchw --head argmax "
        "--embed-preprocess --input-channels bgr --input-size 4x4 "
        "--cut-before op --merge m=a,b --nms boxes=a,scores=b --rename a=b --rename c=d"
        " --bits c*=4 --float-ops SOFTMAX --edge-bits 8 --pack --max-size 9kB --explain"
        " --max-latency 50%"
        " --train 600 --loss mse --resume --no-augment"
    )
    assert export(*words.split()) == 0
    given.pop("listen")
    assert given == {
        "source": "m.keras", "output": Path("o.tflite"), "quantize": "int8", "data": "d",
        "eval": "e", "metric": "auc", "max_drop": "1%", "confident": True,
        "preprocess": ["unit", "b:tf"], "input_type": ["int8"], "output_type": ["uint8"],
        "target": "micro", "signature": "s", "input_shape": ["a=1x2"],
        "custom_objects": ["py:m.py:A"], "builder": "py:b.py:f", "seed": 3,
        "save_float": Path("f"), "recipe": Path("r"), "save_recipe": Path("s"), "time_limit": 5.0,
        "inputs": ["i,j"], "outputs": ["o"], "input": ["layer"], "allow_flex": True,
        "trust": True, "batch": "4", "no_rewrite": ["r"],
        "labels": Path("l"), "metadata": True, "task": "general", "score_threshold": 0.5,
        "vocabulary": Path("v"), "sample_rate": 16000, "c_array": Path("c"),
        "input_layout": ["nchw"], "head": ["argmax"],
        "embed_preprocess": True, "input_channels": ["bgr"], "input_size": ["4x4"],
        "cut_before": "op", "merge": ["m=a,b"], "nms": "boxes=a,scores=b",
        "rename": ["a=b", "c=d"],
        "train": "600", "loss": "mse", "resume": True, "augment": False,
        "max_latency": "50%",
        "bits": ["c*=4"], "float_ops": ["SOFTMAX"], "max_size": "9kB", "explain": True,
        "edge_bits": 8, "pack": True,
    }  # fmt: skip
