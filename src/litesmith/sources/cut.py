"""Cut a model after a layer or op: the rest, fed with what the application computes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.graph_model import between, from_graph, imported, node_name
from litesmith.sources.graphdef import Frozen, as_function, freeze
from litesmith.sources.loaded import Loaded, dims, with_shapes
from litesmith.sources.options import Shape
from litesmith.sources.scopes import Names
from litesmith.sources.structure import unique
from litesmith.sources.tables import table_handles
from litesmith.sources.tracing import trace
from litesmith.sources.verify import TOLERANCE, error, probe

_WORDS = (b"the cat sat on the mat", b"one two 3", b"a")  # fed to text front ends


def cut(loaded: Loaded, after: Sequence[str], shapes: Mapping[str, Shape]) -> Loaded:
    """Return the part of a model behind some of its layers, ops or tensors.

    The part is the model's own frozen graph. It is proved to be the rest: what comes before the
    cut, followed by it, answers as the whole model does.

    Args:
        loaded: the whole model.
        after: names.
        shapes: by name, of the model's inputs and of the new ones.

    Raises:
        InputError: no such name, or no output depends on it.
        ConversionError: the model cannot be traced, or the two parts are not the whole.
    """
    known = {spec.name for spec in loaded.inputs}
    inputs = with_shapes(loaded.inputs, {n: s for n, s in shapes.items() if n in known})
    function, outputs = trace(loaded, inputs)
    frozen = freeze(function)
    own = frozen.feeds[: len(inputs)]
    names = Names(imported(frozen.graph), own, frozen.fetches)
    found = [(name, names.resolve(name)) for name in after]
    tensors = [tensor for _, group in found for tensor in group]
    labels = unique([name.split(":")[0] for name, group in found for _ in group])
    _refuse_useless(names, frozen, tensors, found)
    needed = _needed(frozen, tensors)
    kept = [i for i, feed in enumerate(own) if node_name(feed) in needed]
    specs = [_spec(label, tensor, shapes) for label, tensor in zip(labels, tensors, strict=True)]
    feeds = (*(t.name for t in tensors), *(own[i] for i in kept))
    handles = table_handles(function)
    left = {f: handles[f] for f in frozen.feeds[len(inputs) :] if node_name(f) in needed}
    rest = from_graph(
        loaded.loader,
        Frozen(frozen.graph, feeds, frozen.fetches),
        [*specs, *(inputs[i] for i in kept)],
        outputs,
        owner=loaded.owner,
        resources=left,
        notes=(*loaded.notes, _note(after, specs)),
        key=loaded.key,
    )
    _prove(loaded, inputs, frozen, handles, [t.name for t in tensors], rest, kept)
    return rest


def with_outputs(loaded: Loaded, wanted: Sequence[str]) -> Loaded:
    """Return a model with some of its outputs, in the order of `wanted`."""

    def chosen(tensors: Sequence[Any]) -> list[tuple[str, Any]]:
        named = loaded.call(tensors)
        places[:] = [_place(name, [n for n, _ in named]) for name in wanted]
        return [named[place] for place in places]

    def original(*tensors: Any) -> list[Any]:
        assert loaded.original is not None
        answers = loaded.original(*tensors)
        return [answers[place] for place in places]

    places: list[int] = []
    return replace(loaded, call=chosen, original=original if loaded.original else None)


def _place(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise InputError(
            f"The model has no output '{name}' (--outputs).", f"It has: {', '.join(names)}."
        )
    return list(names).index(name)


def _needed(frozen: Frozen, tensors: Sequence[Any]) -> dict[str, None]:
    nodes = {node.name: node for node in frozen.graph.node}
    return between(nodes, [tensor.name for tensor in tensors], frozen.fetches)


def _refuse_useless(
    names: Names, frozen: Frozen, tensors: Sequence[Any], found: Sequence[tuple[str, Sequence[Any]]]
) -> None:
    for name, group in found:
        if all(names.only_fetched(tensor) for tensor in group):
            raise InputError(f"Nothing is computed from what '{name}' computes (--input).")
        others = [t for t in tensors if all(t is not mine for mine in group)]
        without = _needed(frozen, others)
        if not any(node_name(t.name) in without for t in group):
            raise InputError(f"No output of the model depends on '{name}' (--input).")


def _spec(label: str, tensor: Any, shapes: Mapping[str, Shape]) -> TensorSpec:
    if tensor.shape.rank is not None:
        return TensorSpec(label, tuple(tensor.shape.as_list()), tensor.dtype.name)
    if label not in shapes:
        raise InputError(
            f"What '{label}' computes has no known number of dimensions.",
            f"Say its shape, batch included: --input-shape {label}=1x128",
        )
    wanted = shapes[label]
    batch = (None,) if wanted[:1] == (1,) else wanted[:1]
    return TensorSpec(label, (*batch, *wanted[1:]), tensor.dtype.name)


def _note(after: Sequence[str], specs: Sequence[TensorSpec]) -> str:
    listed = ", ".join(f"'{s.name}': {s.dtype} {dims(s.shape)}" for s in specs)
    return (
        f"The model was cut after {', '.join(after)}: the application computes what comes before "
        f"and feeds the result ({listed})."
    )


def _prove(
    loaded: Loaded,
    inputs: Sequence[TensorSpec],
    frozen: Frozen,
    handles: Mapping[str, Any],
    cuts: Sequence[str],
    rest: Loaded,
    kept: Sequence[int],
) -> None:
    """Hold front and rest, one after the other, against the whole model on generated inputs.

    Raises:
        ConversionError: they answer otherwise.
    """
    import tensorflow as tf

    more = frozen.feeds[len(inputs) :]
    front = as_function(Frozen(frozen.graph, frozen.feeds, tuple(cuts)))
    try:
        fed = [tf.constant(x) for x in _examples(inputs)]
        middle = front(*fed, *(handles[name] for name in more))
        whole = trace(loaded, inputs)[0](*fed)
    except Exception:  # generated text is no JPEG file: then only the rest can be verified
        return
    values = [*middle, *(fed[i] for i in kept)]
    exact = [
        TensorSpec(spec.name, tuple(value.shape), spec.dtype)
        for spec, value in zip(rest.inputs, values, strict=True)
    ]
    answers = trace(rest, exact)[0](*values)
    far = [error(a.numpy(), b.numpy()) for a, b in zip(whole, answers, strict=True)]
    if any(one > TOLERANCE for one in far):
        raise ConversionError(
            "The part of the model behind the cut does not answer as the whole model does.",
            "Cut elsewhere: the layer hands on more than it seems to.",
        )


def _examples(inputs: Sequence[TensorSpec]) -> list[Any]:
    import numpy as np

    numbers = [replace(s, dtype="float32") if s.dtype == "string" else s for s in inputs]
    batched = [spec.shape[:1] in ((None,), (1,)) for spec in inputs]
    drawn = [x[:1] if b else x[0] for x, b in zip(probe(numbers), batched, strict=True)]
    return [
        np.resize(np.array(_WORDS, object), x.shape) if spec.dtype == "string" else x
        for x, spec in zip(drawn, inputs, strict=True)
    ]
