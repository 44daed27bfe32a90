"""Models whose calls cannot be made: refused at once, where tf_keras would try for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litesmith.errors import LoadError
from litesmith.sources.vetting import waits_for_ever
from tests.sources.repair import broken
from tests.sources.repair.conftest import Bench


def _shared(keras: Any) -> Any:
    """Layers and models that are called several times."""
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    deep = keras.Input((4,))
    other = keras.Model(deep, keras.layers.Dense(4)(keras.layers.ReLU()(deep)))
    x = keras.Input((4,), name="x")
    dense = keras.layers.Dense(4, name="shared")
    y = dense(inner(dense(x)))
    z = other(inner(other(y)))
    return broken.randomized(keras.Model(x, keras.layers.Concatenate(name="end")([y, z])))


def test_shared_layers_and_models(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model = _shared(tf_keras)
    for ending in (".h5", ".keras"):
        path = tmp_path / f"m{ending}"
        model.save(path)
        bench.same(bench.load(path), model)
        bench.same(bench.repaired_by("tf_keras", path), model)
        bench.same(bench.repaired_by("keras", path), model)


@pytest.mark.parametrize("index", [5, None, "x", 1.5, []])
def test_call_that_is_never_made(bench: Bench, tmp_path: Path, index: Any) -> None:
    import tf_keras

    path = tmp_path / "m.h5"
    broken.image_model(tf_keras).save(path)

    def edit(config: dict[str, Any]) -> None:
        broken.layers(config)["hidden"]["inbound_nodes"][0][0][1] = index

    with pytest.raises(LoadError, match="hidden"):
        bench.load(broken.edit_hdf5(path, edit))


def test_layers_that_wait_for_each_other() -> None:
    def entry(name: str, source: str) -> dict[str, Any]:
        calls = [[[source, 0, 0, {}]]]
        return {"class_name": "Dense", "name": name, "config": {}, "inbound_nodes": calls}

    config = {"layers": [entry("a", "b"), entry("b", "a")]}
    assert waits_for_ever({"class_name": "Model", "config": config}) == "a"


@pytest.mark.parametrize(
    ("index", "from_one", "stuck"),
    [(0, False, False), (1, False, False), (2, False, True), (0, True, True), (1, True, False)],
)
def test_where_the_calls_of_an_inner_model_are_counted_from(
    index: int, from_one: bool, stuck: bool
) -> None:
    first = {"class_name": "InputLayer", "name": "x", "config": {"batch_shape": [None, 4]}}
    calls = {"inner": [[["x", 0, 0, {}]]], "end": [[["inner", index, 0, {}]]]}
    inner = {"class_name": "Sequential", "name": "inner", "config": {"layers": [first]}}
    end = {"class_name": "Dense", "name": "end", "config": {}}
    layers = [first, *({**one, "inbound_nodes": calls[str(one["name"])]} for one in (end, inner))]
    found = waits_for_ever({"config": {"layers": layers}}, from_one=from_one)
    assert found == ("end" if stuck else None)


def test_gru_of_early_releases(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    layers = [tf_keras.Input((6, 4)), tf_keras.layers.GRU(3, reset_after=False, name="g")]
    model = broken.randomized(tf_keras.Sequential(layers))
    path = tmp_path / "m.h5"
    model.save(path)

    def edit(config: dict[str, Any]) -> None:
        del broken.layers(config)["g"]["config"]["reset_after"]

    loaded = bench.load(broken.edit_hdf5(path, edit))
    assert any("GRU" in note for note in loaded.notes)
    bench.same(loaded, model)
