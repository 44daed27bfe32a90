"""`--merge NAME=A,B`: outputs side by side along the last axis, as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph, Tensor
from litesmith.graph.build import make_op
from litesmith.interface.ends import output_at, with_outputs
from litesmith.interface.translation import Batch, Reshaped, Specs, Translation


def parse_merge(text: str) -> tuple[str, tuple[str, ...]]:
    """Return ("all", ("a", "b")) for "all=a,b".

    Raises:
        InputError: another form.
    """
    name, _, members = text.partition("=")
    parts = tuple(part.strip() for part in members.split(",") if part.strip())
    if not name.strip() or len(parts) < 2 or len(set(parts)) < len(parts):
        raise InputError(
            f"--merge {text} is not understood.",
            "Write NAME=A,B: the new name, then two or more outputs in their order.",
        )
    return name.strip(), parts


def merged(graph: Graph, name: str, members: tuple[str, ...]) -> Reshaped:
    """Return the graph with some outputs as one, in the place of the first of them.

    Raises:
        InputError: no such output. ConversionError: their shapes or types do not go together.
    """
    names = graph.output_names()
    places = [output_at(graph, one, "--merge") for one in members]
    tensors = [graph.outputs[place] for place in places]
    whole = _whole(name, members, tensors)
    axis = len(whole.shape) - 1
    op = make_op("CONCATENATION", tensors, (whole,), axis=axis)
    slots = [None if i in places[1:] else i for i in range(len(names))]
    kept = [i for i in slots if i is not None]
    outputs = [(name, whole) if i == places[0] else (names[i], graph.outputs[i]) for i in kept]
    if len({one for one, _ in outputs}) < len(outputs):
        raise InputError(f"--merge: there is an output '{name}' already.")
    why = f"{name}: {', '.join(members)} side by side"
    return Reshaped(with_outputs(graph, outputs, (op,)), why, _translation(name, places, kept))


def _whole(name: str, members: tuple[str, ...], tensors: list[Tensor]) -> Tensor:
    first = tensors[0]
    shapes = {(t.dtype, t.shape[:-1]) for t in tensors}
    if len(shapes) > 1 or not first.shape:
        listed = ", ".join(
            f"'{n}' {t.dtype.value}{list(t.shape)}" for n, t in zip(members, tensors, strict=True)
        )
        raise ConversionError(
            f"--merge {name}: {listed} do not stand side by side along the last axis.",
            "All of them need the same type and the same sizes but for the last one.",
        )
    size = sum(t.shape[-1] for t in tensors)
    signature = first.shape_signature
    return Tensor(
        name,
        (*first.shape[:-1], size),
        first.dtype,
        shape_signature=None if signature is None else (*signature[:-1], size),
    )


def _translation(name: str, places: list[int], kept: list[int]) -> Translation:
    first = places[0]

    def read(old: Specs) -> Specs:
        sizes = [old[place].shape[-1] for place in places]
        size = None if None in sizes else sum(s for s in sizes if s is not None)
        whole: TensorSpec = replace(old[first], name=name, shape=(*old[first].shape[:-1], size))
        return tuple(whole if i == first else old[i] for i in kept)

    def answer(batch: Batch) -> list[Array]:
        whole = np.concatenate([batch[place] for place in places], axis=-1)
        return [whole if i == first else batch[i] for i in kept]

    return Translation(read=read, answer=answer)
