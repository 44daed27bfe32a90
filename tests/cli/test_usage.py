from __future__ import annotations

import json

import pytest

from litesmith.cli import main
from litesmith.cli.later import LATER, LATER_VERBS


@pytest.mark.parametrize(
    ("args", "sentence", "hint"),
    [
        (["exprt", "m"], "There is no command 'exprt'.", "litesmith export"),
        (["--foo"], "litesmith has no option --foo.", "--version"),
        (
            ["export", "m", "-o", "o", "--quantise", "int8"],
            "has no option --quantise",
            "--quantize",
        ),
        (["check", "m", "--targt", "cpu"], "has no option --targt", "--target"),
        (["export", "m"], "Missing option '--output'", "litesmith export --help"),
        (["compare", "a"], "Missing argument 'B'", "litesmith compare --help"),
        (["bench", "a", "--threads", "x"], "Invalid value for '--threads'", "bench --help"),
        (["export", "m", "-o", "o", "--quantize", "int9"], "no quantization scheme 'int9'", "int8"),
        (["export", "m", "-o", "o", "--quantize", "int3"], "representative examples", "--data"),
        (["export", "m", "-o", "o", "--no-augmnt"], "has no option --no-augmnt", "--no-augment"),
        (["export", "m", "-o", "o", "--data", "d", "--train", "x"], "--train x is not", "auto"),
        (["export", "m", "-o", "o", "--max-drop", "x"], "--max-drop x is not", "1%"),
        (["export", "m", "-o", "o", "--target", "edge"], "no target 'edge'", "edgetpu"),
        (["export", "missing.keras", "-o", "o"], "missing.keras", ""),
        (["bench", "missing.tflite"], "missing.tflite", ""),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    args, sentence, hint, capfd, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(args) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert sentence in err
    assert hint in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", sorted(LATER_VERBS))
def test_verbs_of_a_later_version(verb, capfd):
    assert main([verb, "m", "--jobs", "2"]) == 2
    assert "not available in this version" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("verb", "option"), [(v, o) for v, opts in LATER.items() for o in sorted(opts)]
)
def test_options_of_a_later_version(verb, option, capfd):
    assert main([verb, "a", "b", option, "x"]) == 2
    err = capfd.readouterr().err
    assert f"{option} is not available in this version." in err


def test_json_of_a_mistake_is_one_document(capfd):
    assert main(["export", "m", "-o", "o", "--json", "--foo"]) == 2
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert found["status"] == "failed"
    assert found["error"]["code"] == "bad_input"
    assert "--foo" in found["error"]["message"]
    assert {"source", "artifact", "parity", "score", "latency_ms", "steps"} <= set(found)
    assert "--foo" in err


def test_json_of_another_verb(capfd):
    assert main(["check", "missing.keras", "--json"]) == 2
    found = json.loads(capfd.readouterr().out)
    assert set(found) == {"litesmith", "status", "error"}


def test_version_and_help(capfd):
    assert main(["--version"]) == 0
    assert capfd.readouterr().out.startswith("litesmith ")
    assert main([]) == 0
    assert "export" in capfd.readouterr().out
    assert main(["export", "--help"]) == 0
    assert "--quantize" in capfd.readouterr().out


@pytest.mark.parametrize(("verb", "batch"), [("export", True), ("check", True), ("compare", False)])
def test_verbs_that_load_a_source_share_the_options_of_loading(verb, batch, capfd):
    assert main([verb, "--help"]) == 0
    told = capfd.readouterr().out
    for option in ("--signature", "--input-shape", "--builder", "--outputs", "--time-limit"):
        assert option in told
    assert ("--batch" in told) is batch
