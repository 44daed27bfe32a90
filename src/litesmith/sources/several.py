"""Several signatures of one model → one file, in which they share their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.graph import Graph, read, write
from litesmith.graph.signatures import share_constants, sole
from litesmith.sources.ends import refuse_text_outputs, with_ends
from litesmith.sources.flex import session_of
from litesmith.sources.loaded import Loaded, check_inputs, with_shapes
from litesmith.sources.options import Shape
from litesmith.sources.traced import TracedModel
from litesmith.sources.trials import check

Array = npt.NDArray[Any]


class SeveralModels:
    """Models that were loaded together; the first one stands for all.

    Args:
        models: by signature key, in the user's order.
    """

    def __init__(self, models: Mapping[str, TracedModel]) -> None:
        self._models = dict(models)
        self._first = next(iter(self._models.values()))

    def info(self) -> dict[str, Any]:
        """Return what is said of the first, with its siblings' keys, inputs and outputs."""
        keys = list(self._models)
        note = (
            f"The file holds the signatures {', '.join(keys)}; data and scores are those of "
            f"'{keys[0]}', the others are held against the model on generated inputs."
        )
        infos = {key: model.info() for key, model in self._models.items()}
        notes = [n for info in infos.values() for n in info["notes"]]
        return {
            **infos[keys[0]],
            "notes": [note, *dict.fromkeys(notes)],
            "siblings": [
                {"key": key, "inputs": infos[key]["inputs"], "outputs": infos[key]["outputs"]}
                for key in keys[1:]
            ],
        }

    def lower(self, progress: Callable[[str], None]) -> bytes:
        """Return one file; every signature is checked by value on its own and in the file.

        Raises:
            ConversionError: one of them cannot be converted.
        """
        graphs = [_keyed(model.lower(progress), key) for key, model in self._models.items()]
        data = write(share_constants(graphs[0].with_(siblings=tuple(graphs[1:]))))
        progress("checking the signatures by value")
        whole = read(data)
        for key, model in self._models.items():
            alone = write(sole(whole, key))
            for trial in model.trials(model.choices()):
                check(alone, model.outputs, trial, None if trial.states else model.run)
        session_of(data)
        return data

    def run(self, batch: Sequence[Array], key: str | None = None) -> list[Array]:
        """Return the original's outputs for a signature, None for the first."""
        model = self._first if key is None else self._models[key]
        return model.run([np.asarray(x) for x in batch])


def models_of(
    loaded: Mapping[str, Loaded],
    shapes: Mapping[str, Shape],
    batch: int | None,
    *,
    allow_flex: bool,
) -> SeveralModels:
    """Return models by key, each with those of the shapes that its inputs have names for.

    Raises:
        InputError: a shape for an input that none of them has, or one that is missing.
        ConversionError: text goes in or comes out.
    """
    known = {spec.name for one in loaded.values() for spec in one.inputs}
    models = {}
    for key, one in loaded.items():
        names = {spec.name for spec in one.inputs}
        own = {n: s for n, s in shapes.items() if n in names or n not in known}
        one, own = with_ends(one, (), (), own)
        inputs = with_shapes(one.inputs, own)
        check_inputs(inputs, own)
        models[key] = TracedModel(one, inputs, None, batch, allow_flex=allow_flex)
        refuse_text_outputs(models[key].outputs)
    return SeveralModels(models)


def _keyed(data: bytes, key: str) -> Graph:
    graph = read(data)
    signatures = tuple(replace(signature, key=key) for signature in graph.signatures)
    return graph.with_(signatures=signatures, name=key)
