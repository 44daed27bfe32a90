"""`check --data` and `compare --per-layer` as a user types them, on .tflite files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from litesmith.cli import main
from litesmith.graph import write
from tests.api.fakes import classifier, features
from tests.support.graphs import examples, integer


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    """Paths of a float file, the int8 file made from it, and data."""
    graph, x = classifier(), features(200)
    paths = [tmp_path / name for name in ("float.tflite", "int8.tflite", "x.npy")]
    paths[0].write_bytes(write(graph))
    paths[1].write_bytes(write(integer(graph, examples(graph, [x[:, None]]))))
    np.save(paths[2], x)
    first, second, third = map(str, paths)
    return first, second, third


def result(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> dict:
    assert main([*arguments, "--json", "--quiet"]) == 0
    return json.loads(capfd.readouterr().out)


def test_compare_per_layer(files, capfd) -> None:
    a, b, data = files
    found = result(["compare", a, b, "--data", data, "--per-layer"], capfd)
    assert [one["kind"] for one in found["layers"]] == ["FULLY_CONNECTED"] * 2 + ["SOFTMAX"]
    assert found["layers_of"] == 3 and found["layers_examples"] == 64
    keys = {"name", "kind", "dtype", "sqnr_db", "cosine", "relative_error", "added", "rank"}
    assert set(found["layers"][0]) == keys
    assert main(["compare", a, b, "--per-layer", "--quiet"]) == 0
    assert "3 of 3 tensors" in capfd.readouterr().out


def test_check_with_data(files, capfd, tmp_path: Path) -> None:
    a, b, data = files
    assert result(["check", a, "--data", data], capfd)["warnings"] == []
    assert result(["check", b, "--data", data], capfd)["findings"] == []
    wrong = result(["check", b, "--data", data, "--preprocess", "scale=20,offset=0"], capfd)
    assert "input_beyond" in [one["code"] for one in wrong["findings"]]
    few = str(tmp_path / "few.npy")
    np.save(few, np.load(data)[:10])
    found = result(["check", a, "--data", few], capfd)
    assert [one["code"] for one in found["warnings"]] == ["few_examples"]
    assert main(["check", b, "--data", data, "--quiet"]) == 0
    assert "Nothing was found" in capfd.readouterr().out
