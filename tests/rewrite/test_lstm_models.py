"""Recurrent models of both Keras: in every form as the original, invocation after invocation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from litesmith.graph import Graph, read, write
from litesmith.rewrite import Rewrite
from litesmith.runtime import Session
from litesmith.sources import open_source
from tests.support.rewriting import kinds

pytestmark = pytest.mark.slow

_MAKE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
module, path, model = sys.argv[1:]
if module == "tf_keras":
    import tf_keras as keras
else:
    import keras
keras.utils.set_random_seed(5)
L = keras.layers
x = keras.Input((7, 3))
y = {
    "last": lambda: L.LSTM(6)(x),
    "every": lambda: L.LSTM(6, return_sequences=True)(x),
    "backwards": lambda: L.LSTM(6, go_backwards=True, return_sequences=True)(x),
    "both_ways": lambda: L.Bidirectional(L.LSTM(6, return_sequences=True))(x),
    "both_ways_last": lambda: L.Bidirectional(L.LSTM(6))(x),
    "stacked": lambda: L.Dense(2)(L.LSTM(4)(L.LSTM(6, return_sequences=True)(x))),
    "no_bias": lambda: L.LSTM(6, use_bias=False)(x),
    "handed_on": lambda: L.LSTM(6)(x, initial_state=L.LSTM(6, return_state=True)(x)[1:]),
    "gru": lambda: L.GRU(6)(x),
}[model]()
model = keras.Model(x, y)
model.save(path)
"""
# Loops that stay when layers are fused: a cell state is needed, or it is no LSTM.
_STAY = {"handed_on": 1, "gru": 1}
_MODELS = (
    "last", "every", "backwards", "both_ways", "both_ways_last", "stacked", "no_bias", "handed_on",
    "gru",
)  # fmt: skip


def _lowered(module: str, model: str, folder: Path) -> tuple[Graph, list[np.ndarray], list]:
    path = folder / ("m.h5" if module == "tf_keras" else "m.keras")
    words = [sys.executable, "-c", _MAKE, module, str(path), model]
    subprocess.run(words, check=True, capture_output=True)
    fed = np.random.default_rng(0).normal(size=(4, 7, 3)).astype(np.float32)
    with open_source(path) as source:
        graph = read(source.lower())
        return graph, [x[np.newaxis] for x in fed], source.run([fed])


@pytest.mark.parametrize("module", ["keras", "tf_keras"])
@pytest.mark.parametrize("model", _MODELS)
def test_model(module: str, model: str, tmp_path: Path) -> None:
    graph, fed, wanted = _lowered(module, model, tmp_path)
    for form in ("fused", "loop", "auto"):
        after = Rewrite(recurrent=form)(graph).graph
        if form == "fused":
            assert kinds(after)["WHILE"] == _STAY.get(model, 0)
        if form == "loop":
            assert not kinds(after)["UNIDIRECTIONAL_SEQUENCE_LSTM"]
        session = Session(write(after))
        for i, x in enumerate(fed):  # one after the other, nothing reset
            session.feed([x])
            session.invoke()
            error = np.abs(session.fetch()[0][0] - wanted[0][i]).max()
            assert error <= 1e-5 * np.abs(wanted[0][i]).max(), form
