"""Parts of a quantized file that compute in float, and kernels that are slow for their form."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.diagnose.bounds import stored
from litesmith.diagnose.findings import HIGH, LOW, MEDIUM, Finding, kinds, place
from litesmith.graph import Graph, Op
from litesmith.graph.census import computes_in_float
from litesmith.graph.edit import producers, users
from litesmith.graph.facts import facts
from litesmith.quantize.plan import CARRIERS
from litesmith.quantize.slow_forms import slow_forms

_CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE"})


def islands(graph: Graph) -> Iterator[Finding]:
    """Yield runs of float ops inside a file whose arithmetic is integer otherwise."""
    if not any(_integer_layer(op) for op in graph.ops):
        return
    made_by = producers(graph)
    outputs = set(graph.outputs)
    for region in _regions(graph):
        first = region[0]
        if all(op.kind in CARRIERS for op in region) and any(
            t in outputs for op in region for t in op.outputs
        ):
            continue  # results put together for the application
        ends = [t for op in region for t in op.inputs if t is not None and t in made_by]
        # Without one it is where the file begins: someone chose that, for accuracy's sake.
        turned = sum(made_by[t].kind == "DEQUANTIZE" for t in ends)
        yield Finding(
            "float_island", MEDIUM if turned else LOW, first.kind,
            place(first), len(region),
            f"{kinds(region)} compute{'s' if len(region) == 1 else ''} in float, behind {turned} "
            f"conversion{'' if turned == 1 else 's'}.",
            "Conversions and float arithmetic cost time, and integer-only targets refuse them.",
            "Replace the layer by one with an integer kernel, or export with litesmith, which has "
            "integer forms of most ops.",
        )  # fmt: skip
    inside = [op for part in list(graph.graphs())[1:] for op in part.ops if computes_in_float(op)]
    if inside:
        yield Finding(
            "float_loop", LOW, inside[0].kind, place(inside[0]), len(inside),
            f"{len(inside)} ops inside loops or branches compute in float.",
            "Integer-only targets refuse them.", "",
        )  # fmt: skip


def _integer_layer(op: Op) -> bool:
    row = facts(op)
    data = op.input(row.activations[0]) if row is not None and row.weights is not None else None
    return data is not None and stored(data) is not None


def _regions(graph: Graph) -> list[list[Op]]:
    """Return connected float ops, without conversions; constants that are expanded do not count."""
    made_by, read_by = producers(graph), users(graph)
    left = {op: None for op in graph.ops if _float(op)}
    found = []
    while left:
        todo, region = [next(iter(left))], []
        while todo:
            op = todo.pop()
            if op not in left:
                continue
            del left[op]
            region.append(op)
            todo += [made_by[t] for t in op.inputs if t in made_by]
            todo += [reader for t in op.outputs for reader in read_by.get(t, ())]
        order = {op: i for i, op in enumerate(graph.ops)}
        found.append(sorted(region, key=order.__getitem__))
    return found


def _float(op: Op) -> bool:
    live = any(t is not None and not t.is_constant for t in op.inputs)
    return live and op.kind not in _CONVERSIONS and computes_in_float(op)


def detours(graph: Graph) -> Iterator[Finding]:
    """Yield values that go through float only to become integers again."""
    readers = users(graph)
    for op in graph.ops:
        after = readers.get(op.outputs[0], []) if op.kind == "DEQUANTIZE" else []
        live = op.inputs and op.inputs[0] is not None and not op.inputs[0].is_constant
        back = bool(after) and all(reader.kind == "QUANTIZE" for reader in after)
        if live and back and op.outputs[0] not in graph.outputs:
            yield Finding(
                "float_detour", LOW, op.kind, place(op, op.outputs[0]), len(after),
                "The value is converted to float and back to integers at once.",
                "Two conversions do what one QUANTIZE op does.", "Quantize the float model again.",
            )  # fmt: skip


def slow(graph: Graph) -> Iterator[Finding]:
    """Yield ops whose kernel is slow or wrong in the form that they have, one finding per form."""
    for form in slow_forms(graph):
        one = "one op is" if len(form.ops) == 1 else f"{len(form.ops)} ops are"
        yield Finding(
            "broken_kernel" if form.defect else "slow_kernel",
            HIGH if form.defect else MEDIUM, form.kind, place(form.ops[0]), form.times,
            f"{one.capitalize()} in {form.form} form.",
            f"LiteRT's kernel of it {_said(form.defect)} (`litesmith kernels`)."
            if form.defect
            else f"LiteRT's kernel takes {form.times:.2g} times as long as that of {form.against} "
            "(`litesmith kernels`).",
            form.hint,
        )  # fmt: skip


def _said(defect: str) -> str:
    return defect if defect.startswith("answers") else f"is {defect}"
