"""`--cut-before OP`: the file ends before an op; what that op reads becomes the outputs.

What is cut off is the proof: it is run, as a graph of its own, on what the file answers, and must
then answer as the original does. So everything that it reads is an output.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from litesmith.data import Array, TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph, Op, Tensor, write
from litesmith.graph.step import Notice
from litesmith.interface.ends import with_outputs
from litesmith.interface.translation import Batch, Reshaped, Specs, Translation
from litesmith.runtime import Session

_LISTED = 6
_BARE: dict[str, Any] = {"signatures": (), "siblings": (), "metadata": (), "files": ()}


def cut_before(graph: Graph, label: str) -> Reshaped:
    """Return the graph that ends before the ops of a label.

    Args:
        graph: left as it is.
        label: name of a layer, an op or a tensor, or a kind of op that occurs once.

    Raises:
        InputError: no op of that name, or several. ConversionError: nothing would be left.
    """
    chosen = find_ops(graph, label)
    first = _computed(chosen)
    read = _read_by(chosen, first)
    gone = _behind(graph, first) | set(chosen)
    made = _computed(gone)
    behind = [op for op in graph.ops if op in gone]
    more = [t for t in _read_by(behind, made) if t not in read]
    ends = _refuse_inputs(graph, read, more, label)
    kept = zip(graph.output_names(), graph.outputs, strict=True)
    stay = [(name, t) for name, t in kept if t not in made and t not in ends]
    outputs = [*_named(ends, {name for name, _ in stay}), *stay]
    tail = graph.with_(
        inputs=tuple(ends),
        outputs=tuple(t for t in graph.outputs if t in made),
        ops=tuple(behind),
        **_BARE,
    )
    why = f"cut before {label}: {len(gone)} ops left out, {len(outputs)} outputs"
    translation = _translation(graph, tail, outputs)
    return Reshaped(with_outputs(graph, outputs), why, translation, _notices(more, label))


def find_ops(graph: Graph, label: str) -> tuple[Op, ...]:
    """Return the ops of one layer, tensor or kind, in order.

    Raises:
        InputError: nothing, or more than one thing, has that name.
    """
    for fits in (_is_tensor, _is_layer, _is_in_scope, _is_in_numbered_scope):
        found = tuple(op for op in graph.ops if fits(op, label))
        if found:
            return found
    kinds = tuple(op for op in graph.ops if op.kind.lower() == label.lower())
    if len(kinds) == 1:
        return kinds
    if kinds:
        some = ", ".join(f"'{place(op)}'" for op in kinds[:_LISTED])
        raise InputError(
            f"--cut-before {label}: there are {len(kinds)} of them.",
            f"Name one: {some}{', …' if len(kinds) > _LISTED else ''}.",
        )
    raise InputError(f"--cut-before {label}: there is no such op.", _suggestion(graph, label))


def place(op: Op) -> str:
    """Return the name by which an op is shown."""
    return op.origin[0] if op.origin else op.outputs[0].name if op.outputs else op.kind


def _is_tensor(op: Op, label: str) -> bool:
    return any(t.name == label for t in op.outputs)


def _is_layer(op: Op, label: str) -> bool:
    return label in op.origin


def _is_in_scope(op: Op, label: str) -> bool:
    names = (*op.origin, *(t.name for t in op.outputs))
    return any(label in _scopes(name) or name.startswith(f"{label}/") for name in names)


def _is_in_numbered_scope(op: Op, label: str) -> bool:
    """Keras 3 numbers a layer's scope once more: "dense_1" is of "dense"."""
    names = (*op.origin, *(t.name for t in op.outputs))
    return any(re.sub(r"_\d+$", "", scope) == label for name in names for scope in _scopes(name))


def _scopes(name: str) -> list[str]:
    return re.split("[/;]", name)


def _layers(op: Op) -> list[str]:
    return [re.sub(r"_\d+$", "", scope) for scope in _scopes(place(op))]


def _suggestion(graph: Graph, label: str) -> str:
    names = [n for op in graph.ops for n in (place(op), *_layers(op), op.kind)]
    near = difflib.get_close_matches(label, list(dict.fromkeys(names)), 3, 0.5)
    if near:
        return f"Did you mean {' or '.join(repr(name) for name in near)}?"
    last = [f"'{place(op)}' ({op.kind})" for op in graph.ops[-_LISTED:]]
    return f"The last ops: {', '.join(last)}."


def _read_by(ops: Sequence[Op], made: set[Tensor]) -> list[Tensor]:
    """Return what ops read that neither they compute nor the file stores."""
    read = dict.fromkeys(t for op in ops for t in op.inputs if t is not None and not t.is_constant)
    return [t for t in read if t not in made]


def _behind(graph: Graph, start: set[Tensor]) -> set[Op]:
    reached, found = set(start), set()
    for op in graph.ops:
        if any(t in reached for t in op.inputs if t is not None):
            found.add(op)
            reached.update(op.outputs)
    return found


def _computed(ops: Iterable[Op]) -> set[Tensor]:
    return {t for op in ops for t in op.outputs}


def _refuse_inputs(
    graph: Graph, read: Sequence[Tensor], more: Sequence[Tensor], label: str
) -> list[Tensor]:
    """Return what becomes outputs.

    Raises:
        ConversionError: nothing does, or an input of the model would be among it.
    """
    if all(t in graph.inputs for t in (*read, *more)):
        raise ConversionError(
            f"--cut-before {label}: it reads the model's inputs alone, so nothing would be left.",
            "Name an op further behind.",
        )
    if any(t in graph.inputs for t in (*read, *more)):
        raise ConversionError(
            f"--cut-before {label}: what is cut off reads an input of the model, too, so that the "
            "file's outputs alone cannot prove the cut.",
            "Cut further behind.",
        )
    return [*read, *more]


def _named(tensors: Sequence[Tensor], taken: set[str]) -> list[tuple[str, Tensor]]:
    named: list[tuple[str, Tensor]] = []
    for tensor in tensors:
        base = _layer_of(tensor)
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        named.append((name, tensor))
    return named


def _layer_of(tensor: Tensor) -> str:
    """Return the layer in a tensor's name: "dense" of "model/dense_1/MatMul"."""
    scopes = tensor.name.split(";")[0].split("/")
    layer = scopes[-2] if len(scopes) > 1 else scopes[-1]
    return re.sub(r"_\d+$", "", layer) or tensor.name


def _notices(more: Sequence[Tensor], label: str) -> tuple[Notice, ...]:
    if not more:
        return ()
    listed = ", ".join(f"'{t.name}'" for t in more[:_LISTED])
    message = f"What is behind '{label}' also reads {listed}, which became outputs, too."
    return (Notice("cut_outputs", message, "Cut where the model is narrow to get fewer outputs."),)


def _translation(graph: Graph, tail: Graph, outputs: Sequence[tuple[str, Tensor]]) -> Translation:
    place_of = {tensor: i for i, (_, tensor) in enumerate(outputs)}

    @cache
    def session() -> Session:
        return Session(write(tail))

    def read(old: Specs) -> Specs:
        known = {tensor: spec for tensor, spec in zip(graph.outputs, old, strict=True)}
        return tuple(known.get(t) or _spec(name, t, old) for name, t in outputs)

    def seen(answers: Batch, before: Batch) -> list[Array]:
        made = session().run([answers[place_of[t]] for t in tail.inputs])
        of = dict(zip(tail.outputs, made, strict=True))
        return [of[t] if t in of else answers[place_of[t]] for t in graph.outputs]

    return Translation(read=read, seen=seen, compared=lambda specs: specs)


def _spec(name: str, tensor: Tensor, old: Specs) -> TensorSpec:
    sizes = tuple(None if s < 0 else s for s in tensor.shape_signature or tensor.shape)
    open_batch = sizes[:1] == (1,) and any(spec.shape[:1] == (None,) for spec in old)
    return TensorSpec(name, (None, *sizes[1:]) if open_batch else sizes, tensor.dtype.numpy.name)
