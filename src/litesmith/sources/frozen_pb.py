"""A TF1 frozen graph (`GraphDef`, .pb or .pbtxt) → `Loaded`; ends that nobody says are guessed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import InputError, LoadError
from litesmith.sources.graph_model import between, from_graph, imported, node_name, tensor_name
from litesmith.sources.graphdef import Frozen
from litesmith.sources.hostile import refuse_hostile
from litesmith.sources.loaded import Loaded
from litesmith.sources.options import Shape
from litesmith.sources.reasons import reason
from litesmith.sources.structure import unique
from litesmith.sources.switches import for_inference

_VARIABLES = frozenset({"VariableV2", "Variable", "VarHandleOp", "AutoReloadVariable"})
_NO_OUTPUT = frozenset({"NoOp", "Assert", "Const", "Placeholder", "Print", "SaveV2"})


@dataclass(frozen=True)
class Ends:
    """What the user says of a graph's ends.

    Attributes:
        inputs, outputs: op or tensor names; () to guess.
        shapes: by input name.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    shapes: Mapping[str, Shape] | None = None


def from_frozen_pb(path: Path, ends: Ends, tf: Any) -> Loaded:
    """Load a frozen graph.

    Args:
        path: of the file.
        ends: inputs and outputs as far as the user says them.
        tf: the module.

    Raises:
        LoadError: damaged, not frozen, without ends to guess, or with ops that reach outside.
        InputError: no such op, or an input of unknown shape.
    """
    definition = _parsed(path)
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    refuse_hostile(nodes, str(path))
    _refuse_variables(nodes, path)
    try:
        definition, notes = for_inference(definition, ends.inputs)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise LoadError(f"{path} is damaged: {reason(error)}.") from error
    graph = _graph(definition, path)
    outputs = [tensor_of(graph, name) for name in ends.outputs] or _guess_outputs(graph, path)
    inputs = [tensor_of(graph, name) for name in ends.inputs]
    inputs = inputs or _guess_inputs(definition, graph, outputs, path)
    if not ends.inputs or not ends.outputs:
        notes.append(_guessed(ends, inputs, outputs))
    names = unique([_short(tensor) for tensor in inputs])
    shapes = ends.shapes or {}
    specs = [_spec(n, t, shapes) for n, t in zip(names, inputs, strict=True)]
    frozen = Frozen(definition, tuple(t.name for t in inputs), tuple(t.name for t in outputs))
    return from_graph(
        f"TensorFlow {tf.__version__}",
        frozen,
        specs,
        unique([_short(tensor) for tensor in outputs]),
        notes=tuple(notes),
    )


def tensor_of(graph: Any, name: str) -> Any:
    """Return the tensor that `op`, `op:0` or the end of an op's path names.

    Raises:
        InputError: none or several have that name.
    """
    op, _, place = name.partition(":")
    ops = {one.name: one for one in graph.get_operations() if one.outputs}
    found = [op] if op in ops else [known for known in ops if known.endswith(f"/{op}")]
    if len(found) == 1 and place in ("", *map(str, range(len(ops[found[0]].outputs)))):
        return ops[found[0]].outputs[int(place or 0)]
    if len(found) > 1:
        raise InputError(f"Several ops are called '{name}': {', '.join(found[:5])}.")
    close = difflib.get_close_matches(op, ops, 3, 0.5)
    hint = f"Did you mean {' or '.join(close)}?" if close else "It has: " + _some(ops)
    raise InputError(f"The graph has no op or tensor '{name}'.", hint)


def _some(ops: Mapping[str, Any]) -> str:
    names = [name for name, op in ops.items() if op.type != "Const"]
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _parsed(path: Path) -> Any:
    from google.protobuf import message, text_format
    from tensorflow.core.framework import graph_pb2

    try:
        data = path.read_bytes()
        if data.lstrip()[:4] == b"node":
            return text_format.Parse(data.decode("utf-8"), graph_pb2.GraphDef())
        return graph_pb2.GraphDef.FromString(data)
    except (OSError, ValueError, message.DecodeError, text_format.ParseError) as error:
        raise LoadError(
            f"{path} is a damaged frozen graph: {reason(error)}.", "Copy or save it again."
        ) from error


def _refuse_variables(nodes: Sequence[Any], path: Path) -> None:
    found = [node.name for node in nodes if node.op in _VARIABLES]
    if found:
        raise LoadError(
            f"{path} is a graph without its weights: '{found[0]}' is a variable whose value is in "
            "a checkpoint.",
            "Freeze it (convert_variables_to_constants) or save it as a SavedModel.",
        )


def _graph(definition: Any, path: Path) -> Any:
    try:
        return imported(definition)
    except Exception as error:  # the adapter of TensorFlow's import
        unknown = re.search(r"Op type not registered '(\w+)'", str(error))
        why = f"it uses the op {unknown[1]}, which is not TensorFlow's" if unknown else None
        raise LoadError(
            f"{path} cannot be loaded as a frozen graph: {why or reason(error)}.",
            "Remove that op and freeze the graph again." if why else "Save it again.",
        ) from error


def _guess_outputs(graph: Any, path: Path) -> list[Any]:
    """Return the last tensors: those of ops that nothing reads."""
    found = [
        op.outputs[0]
        for op in graph.get_operations()
        if op.outputs and op.type not in _NO_OUTPUT and not _is_read(op)
    ]
    # Loop counters and conditions, unless there is nothing else.
    found = [tensor for tensor in found if not _steers(tensor.op)] or found
    if not found:
        raise LoadError(
            f"The outputs of the frozen graph {path} cannot be guessed.",
            "Name them: --inputs a,b --outputs c",
        )
    return found


def _steers(op: Any) -> bool:
    hands_on = op.type == "Identity" and op.inputs[0].op.type == "Switch"
    return hands_on or op.type in ("Switch", "Exit") or op.outputs[0].dtype.name == "bool"


def _is_read(op: Any) -> bool:
    # TF1 branches hang on their switch by control edges alone.
    return bool(op._control_outputs) or any(tensor.consumers() for tensor in op.outputs)


def _guess_inputs(definition: Any, graph: Any, outputs: Sequence[Any], path: Path) -> list[Any]:
    nodes = {node.name: node for node in definition.node}
    needed = between(nodes, (), [tensor.name for tensor in outputs])
    for kind in ("Placeholder", "PlaceholderWithDefault"):  # the latter is mostly a switch
        found = [
            graph.get_tensor_by_name(tensor_name(node.name))
            for node in definition.node
            if node.op == kind and node.name in needed
        ]
        if found:
            break
    else:
        raise LoadError(
            f"The frozen graph {path} has no placeholder that its outputs depend on.",
            "Name what the application feeds: --inputs a,b --outputs c",
        )
    return found


def _guessed(ends: Ends, inputs: Sequence[Any], outputs: Sequence[Any]) -> str:
    parts = []
    if not ends.inputs:
        parts.append(f"inputs {', '.join(node_name(t.name) for t in inputs)}")
    if not ends.outputs:
        parts.append(f"outputs {', '.join(node_name(t.name) for t in outputs)}")
    return f"Guessed: {'; '.join(parts)}. Others: --inputs a,b --outputs c"


def _spec(name: str, tensor: Any, shapes: Mapping[str, Shape]) -> TensorSpec:
    if tensor.shape.rank is not None:
        return TensorSpec(name, tuple(tensor.shape.as_list()), tensor.dtype.name)
    if name not in shapes:
        raise InputError(
            f"The input '{name}' has no known number of dimensions.",
            f"Say its shape, batch included: --input-shape {name}=1x224x224x3",
        )
    wanted = shapes[name]
    batch = (None,) if wanted[:1] == (1,) else wanted[:1]
    return TensorSpec(name, (*batch, *wanted[1:]), tensor.dtype.name)


def _short(tensor: Any) -> str:
    """Return an op's name; of a later output with its number."""
    name, _, place = tensor.name.partition(":")
    return name if place == "0" else f"{name}_{place}"
