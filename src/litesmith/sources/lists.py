"""Tensor lists of recurrent loops as plain tensors, so that the batch may stay open.

A loop over time reads its steps from one TensorList and writes its answers to another. The
converter turns lists into tensors only when their elements have static shapes; with an open batch
they have not. Here list `[time][batch, …]` becomes tensor `[time, batch, …]` by hand; the size
of the batch is read at run time from the steps that the same loop consumes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litesmith.sources.graphdef import Frozen, constant, in_order

_INT32 = 3  # DT_INT32
_LOOPS = frozenset({"While", "StatelessWhile"})
# Op → the name that its output has inside a function.
_RESULT = {
    "TensorListFromTensor": "output_handle",
    "TensorListReserve": "handle",
    "TensorListStack": "tensor",
    "TensorListGetItem": "item",
    "TensorListSetItem": "output_handle",
}


class _OtherUseError(Exception):
    """Lists are used for something else than loops over time."""


@dataclass(frozen=True)
class _List:
    """What is known of a list: the enum of its type, and its elements' shape, -1 for any size."""

    dtype: int
    shape: tuple[int, ...]


class _Part:
    """The nodes of the graph, or of one function in it, while they are rewritten."""

    def __init__(self, nodes: Any, lists: Mapping[str, _List], function: bool) -> None:
        self.nodes = nodes
        self.lists = dict(lists)
        self.by_name = {node.name: node for node in nodes}
        self._function = function

    def ref(self, name: str, index: int = 0) -> str:
        """Return how an op's input says "output `index` of node `name`"."""
        if self._function:
            return f"{name}:output:{index}"
        return f"{name}:{index}" if index else name

    def known(self, reference: str) -> _List | None:
        """Return the list that an input refers to, None for other tensors."""
        return self.lists.get(reference if self._function else reference.removesuffix(":0"))

    def maker(self, reference: str) -> Any:
        """Return the node behind an input, None for an argument."""
        return self.by_name.get(reference.split(":")[0])

    def constant(self, reference: str) -> Any:
        """Return the value behind an input.

        Raises:
            _OtherUseError: it is not a constant.
        """
        node = self.maker(reference)
        if node is None or node.op != "Const":
            raise _OtherUseError
        return constant(node)

    def add(self, name: str, op: str, inputs: Sequence[str], **attributes: int) -> str:
        """Append a node; return the reference to its output."""
        node = self.nodes.add()
        node.name = name
        _become(node, op, inputs, **attributes)
        self.by_name[name] = node
        return self.ref(name)

    def value(self, name: str, value: Any, dtype: int = _INT32) -> str:
        """Append a constant; return the reference to it."""
        import tensorflow as tf

        reference = self.add(name, "Const", [], dtype=dtype)
        tensor = tf.make_tensor_proto(value, tf.dtypes.as_dtype(dtype))
        self.by_name[name].attr["value"].tensor.CopyFrom(tensor)
        return reference


def has_lists(graph: Any) -> bool:
    """Return whether a GraphDef collects tensors in lists."""
    functions = (node for function in graph.library.function for node in function.node_def)
    return any(node.op in _RESULT for node in (*graph.node, *functions))


def without_lists(frozen: Frozen) -> Frozen:
    """Return the graph with every tensor list as a tensor whose first axis is the list's.

    A graph whose lists do something else than loops over time do is returned as it is.
    """
    graph = type(frozen.graph)()
    graph.CopyFrom(frozen.graph)
    functions = {f.signature.name: f for f in graph.library.function}
    try:
        _rewrite(_Part(graph.node, {}, function=False), functions)
    except _OtherUseError:
        return frozen
    return Frozen(graph, frozen.feeds, frozen.fetches)


def _rewrite(part: _Part, functions: Mapping[str, Any]) -> None:
    for node in list(in_order(part.nodes)):
        if node.op in _CHANGES:
            _CHANGES[node.op](part, node)
        elif node.op in _LOOPS:
            _rewrite_loop(part, node, functions)
        elif node.op == "Identity":
            known = part.known(node.input[0])
            if known is not None:
                node.attr["T"].type = known.dtype
                part.lists[part.ref(node.name)] = known
        elif any(part.known(name) for name in node.input):
            raise _OtherUseError


def _rewrite_loop(part: _Part, node: Any, functions: Mapping[str, Any]) -> None:
    data = [name for name in node.input if not name.startswith("^")]
    found = {i: known for i, name in enumerate(data) if (known := part.known(name))}
    _open_batch(part, [part.maker(data[i]) for i in found])
    for i, known in found.items():
        node.attr["T"].list.type[i] = known.dtype
        part.lists[part.ref(node.name, i)] = known
    _tell_shapes(node, found)
    for role in ("cond", "body"):
        function = functions[node.attr[role].func.name]
        # TensorFlow keeps functions of frozen graphs by name: the changed one needs another.
        function.signature.name += "_plain"
        node.attr[role].func.name = function.signature.name
        names = _rename_results(function)
        arguments = function.signature.input_arg
        for i, known in found.items():
            arguments[i].type = known.dtype
            if role == "body":
                function.signature.output_arg[i].type = known.dtype
            if i in function.arg_attr:
                del function.arg_attr[i]
        inside = {arguments[i].name: known for i, known in found.items()}
        _rewrite(_Part(function.node_def, inside, function=True), functions)
        for key, reference in function.ret.items():
            function.ret[key] = names.get(reference, reference)


def _tell_shapes(node: Any, found: Mapping[int, _List]) -> None:
    """Write the shapes of the tensors that were lists, as far as the loop tells shapes at all."""
    import tensorflow as tf

    told = node.attr["output_shapes"].list.shape
    for i, known in found.items():
        if len(told) > i:
            sizes = [None if size < 0 else size for size in (-1, *known.shape)]
            told[i].CopyFrom(tf.TensorShape(sizes).as_proto())


def _rename_results(function: Any) -> dict[str, str]:
    """Let every use of a list op's output say `output`, as its replacement calls it."""
    names = {
        f"{node.name}:{_RESULT[node.op]}:0": f"{node.name}:output:0"
        for node in function.node_def
        if node.op in _RESULT
    }
    for node in function.node_def:
        node.input[:] = [names.get(name, name) for name in node.input]
    return names


def _open_batch(part: _Part, makers: Sequence[Any]) -> None:
    """Give the lists that a loop fills the batch of those it reads."""
    read = [node for node in makers if node is not None and node.op == "Identity"]
    for node in makers:
        shape = None if node is None else part.by_name.get(f"{node.name}/steps")
        if shape is not None:
            if not read:
                raise _OtherUseError
            shape.input[0] = read[0].input[0]
            shape.attr["T"].type = read[0].attr["T"].type


def _from_tensor(part: _Part, node: Any) -> None:
    shape = part.constant(node.input[1])
    if shape.ndim != 1:
        raise _OtherUseError
    known = _List(node.attr["element_dtype"].type, tuple(shape.tolist()))
    _become(node, "Identity", node.input[:1], T=known.dtype)
    part.lists[part.ref(node.name)] = known


def _reserve(part: _Part, node: Any) -> None:
    """Become zeros of [num_elements, batch, …]; the loop says where the batch is read from."""
    shape = part.constant(node.input[0])
    if shape.ndim != 1 or not len(shape) or (shape[1:] < 0).any():
        raise _OtherUseError
    dtype, name, count = node.attr["element_dtype"].type, node.name, node.input[1]
    front = part.value(f"{name}/front", [1])
    if shape[0] < 0:
        sizes = part.add(f"{name}/steps", "Shape", [count], T=_INT32, out_type=_INT32)
        bounds = [front, part.value(f"{name}/end", [2]), front]
        batch = f"{name}/batch"
        part.add(batch, "StridedSlice", [sizes, *bounds], T=_INT32, Index=_INT32)
    else:
        batch = part.value(f"{name}/batch", [int(shape[0])])
    parts = [
        part.add(f"{name}/count", "Reshape", [count, front], T=_INT32, Tshape=_INT32),
        batch,
        part.value(f"{name}/rest", [int(size) for size in shape[1:]]),
        part.value(f"{name}/axis", 0),
    ]
    dims = part.add(f"{name}/dims", "ConcatV2", parts, N=3, T=_INT32, Tidx=_INT32)
    zero = part.value(f"{name}/zero", 0, dtype)
    _become(node, "Fill", [dims, zero], T=dtype, index_type=_INT32)
    part.lists[part.ref(name)] = _List(dtype, tuple(shape.tolist()))


def _stack(part: _Part, node: Any) -> None:
    _become(node, "Identity", node.input[:1], T=_of(part, node).dtype)


def _get_item(part: _Part, node: Any) -> None:
    inputs = [node.input[0], node.input[1], part.value(f"{node.name}/axis", 0)]
    dtype = _of(part, node).dtype
    _become(node, "GatherV2", inputs, Tparams=dtype, Tindices=_INT32, Taxis=_INT32, batch_dims=0)


def _set_item(part: _Part, node: Any) -> None:
    known, name = _of(part, node), node.name
    into, index, item = node.input[:3]
    zero = part.value(f"{name}/axis", 0)
    row = part.add(f"{name}/row", "ExpandDims", [item, zero], T=known.dtype, Tdim=_INT32)
    front = part.value(f"{name}/front", [1])
    first = part.add(f"{name}/first", "Reshape", [index, front], T=_INT32, Tshape=_INT32)
    parts = [first, part.value(f"{name}/rest", [0] * len(known.shape)), zero]
    start = part.add(f"{name}/start", "ConcatV2", parts, N=2, T=_INT32, Tidx=_INT32)
    _become(node, "XlaDynamicUpdateSlice", [into, row, start], T=known.dtype, Tindices=_INT32)
    part.lists[part.ref(name)] = known


def _of(part: _Part, node: Any) -> _List:
    known = part.known(node.input[0])
    if known is None:
        raise _OtherUseError
    return known


_CHANGES: dict[str, Callable[[_Part, Any], None]] = {
    "TensorListFromTensor": _from_tensor,
    "TensorListReserve": _reserve,
    "TensorListStack": _stack,
    "TensorListGetItem": _get_item,
    "TensorListSetItem": _set_item,
}


# Attributes that hold an enum of an element type; the others are numbers.
_TYPES = frozenset(
    {"T", "Tshape", "Tidx", "Tdim", "Tparams", "Tindices", "Taxis"}
    | {"Index", "out_type", "index_type", "dtype"}
)


def _become(node: Any, op: str, inputs: Sequence[str], **attributes: int) -> None:
    node.op = op
    node.input[:] = list(inputs)
    node.attr.clear()
    for name, value in attributes.items():
        if name in _TYPES:
            node.attr[name].type = value
        else:
            node.attr[name].i = value
