"""A text form of a graph for people and golden tests: one line per op, stable across runs."""

from __future__ import annotations

from litesmith.graph.model import Graph, Op, QuantParams, Tensor

_INLINE = 6  # constants up to this many elements are written out


def text(graph: Graph) -> str:
    """Return the graph, and the graphs it calls, as text."""
    names = {id(g): f"@{i}" if i else "@main" for i, g in enumerate(graph.graphs())}
    return "\n\n".join(_graph(g, names) for g in graph.graphs()) + "\n"


def _graph(graph: Graph, graphs: dict[int, str]) -> str:
    values: dict[int, str] = {}
    for tensor in graph.inputs:
        values[id(tensor)] = f"%{len(values)}"
    lines = [f"graph {graphs[id(graph)]}({', '.join(_declare(t, values) for t in graph.inputs)})"]
    for op in graph.ops:
        lines.append("  " + _op(op, values, graphs))
    lines.append("  return " + ", ".join(_use(t, values) for t in graph.outputs))
    for signature in graph.signatures:
        names = [",".join(n for n, _ in part) for part in (signature.inputs, signature.outputs)]
        lines.append(f"  signature {signature.key}({names[0]}) -> {names[1]}")
    return "\n".join(lines)


def _op(op: Op, values: dict[int, str], graphs: dict[int, str]) -> str:
    arguments = ", ".join("-" if t is None else _use(t, values) for t in op.inputs)
    for tensor in op.outputs:
        values[id(tensor)] = f"%{len(values)}"
    results = ", ".join(_declare(t, values) for t in op.outputs)
    options = "" if op.options is None else _options(op)
    calls = "".join(" " + graphs[id(g)] for g in op.subgraphs)
    return f"{results} = {op.kind}({arguments}){options}{calls}"


def _options(op: Op) -> str:
    assert op.options is not None
    # Zeros, False and None are the schema's defaults; leaving them out keeps lines readable.
    shown = [f"{k}={_value(v)}" for k, v in op.options.fields.items() if v not in (0, None, False)]
    return " {" + ", ".join(shown) + "}" if shown else ""


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _declare(tensor: Tensor, values: dict[int, str]) -> str:
    return f"{values[id(tensor)]}: {_type(tensor)}"


def _use(tensor: Tensor, values: dict[int, str]) -> str:
    if id(tensor) in values:
        return values[id(tensor)]
    if tensor.data is not None and tensor.data.size <= _INLINE and not tensor.raw:
        inner = ", ".join(f"{v:g}" for v in tensor.data.reshape(-1).tolist())
        return f"{_type(tensor)}=[{inner}]"
    return f"{'const' if tensor.is_constant else 'state'} {_type(tensor)}"


def _type(tensor: Tensor) -> str:
    shape = tensor.shape if tensor.shape_signature is None else tensor.shape_signature
    dims = ",".join("?" if d < 0 else str(d) for d in shape)
    return f"{tensor.dtype}[{dims}]{'' if tensor.quant is None else _quant(tensor.quant)}"


def _quant(quant: QuantParams) -> str:
    if quant.blockwise is not None:
        return f"<blocks of {quant.blockwise.block_size}>"
    if quant.axis is not None and quant.scale.size > 1:
        return f"<{quant.bits} bit, axis {quant.axis}>"
    if not quant.scale.size:
        return ""
    return f"<{quant.bits} bit, {quant.scale[0]:.4g}, {quant.zero_point[0]}>"
