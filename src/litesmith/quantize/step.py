"""The step that turns a float graph into the graph that ships."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from litesmith.data import Examples
from litesmith.data.per_port import by_port
from litesmith.errors import ConversionError, InputError
from litesmith.graph import DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.census import float_ops
from litesmith.graph.facts import FACTS
from litesmith.graph.step import Notice, Outcome, Progress, silent
from litesmith.quantize.annotate import annotate
from litesmith.quantize.entrances import bytes_like, entrances
from litesmith.quantize.first_layers import corrected
from litesmith.quantize.granularity import per_tensor
from litesmith.quantize.lower import lower
from litesmith.quantize.plan import integer_ops
from litesmith.quantize.ranges import Ranges, calibrate
from litesmith.quantize.weights import dynamic, float16

ENDS = ("float32", "int8", "uint8")


@dataclass(frozen=True)
class Scheme:
    """What a value of `--quantize` means.

    Attributes:
        name: as on the command line.
        summary: one line for help and reports.
        needs_data: representative examples are required.
    """

    name: str
    summary: str
    needs_data: bool = False


_SCHEMES = (
    Scheme("none", "float32 weights and activations"),
    Scheme("float16", "float16 weights, float32 activations"),
    Scheme("dynamic", "int8 weights, float32 activations quantized on the fly"),
    Scheme("int8", "int8 weights and activations, integer only", needs_data=True),
)
SCHEMES: Mapping[str, Scheme] = MappingProxyType({s.name: s for s in _SCHEMES})
_LATER = (
    "dynamic-int4",
    "weights-int8",
    "weights-int4",
    "int16x8",
    "int4",
    "int3",
    "ternary",
    "binary",
)


def find_scheme(name: str) -> Scheme:
    """Return a scheme by name.

    Raises:
        InputError: there is none, with the nearest name or what this version has.
    """
    if name in SCHEMES:
        return SCHEMES[name]
    available = ", ".join(SCHEMES)
    if name in _LATER:
        raise InputError(
            f"The scheme '{name}' is not available in this version.", f"Available: {available}."
        )
    near = difflib.get_close_matches(name, SCHEMES, 1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    raise InputError(f"There is no quantization scheme '{name}'.", f"{hint}Available: {available}.")


def default_scheme(has_data: bool) -> str:
    """Return the scheme used when none is named: never slower than float on the CPU."""
    return "int8" if has_data else "dynamic"


@dataclass(frozen=True)
class Quantize:
    """Quantize a float graph after training.

    Attributes:
        scheme: a key of `SCHEMES`.
        input_type, output_type: element type of float inputs and outputs of the shipped file:
            "float32", "int8" or "uint8", or "NAME:int8" for one, separated by commas. The integer
            ones need scheme int8. Inputs that are integers already stay what they are.
        integer_only: refuse to leave a float op (targets without a floating-point unit).
        per_tensor: kinds of op whose weights get one scale instead of one per channel.
    """

    scheme: str = "int8"
    input_type: str = "float32"
    output_type: str = "float32"
    integer_only: bool = False
    per_tensor: tuple[str, ...] = ()
    name: str = "quantize"

    def __post_init__(self) -> None:
        find_scheme(self.scheme)
        types = (("input", self.input_type), ("output", self.output_type))
        for option, text in ((option, t) for option, given in types for t in given.split(",")):
            value = text.rpartition(":")[2].strip()
            if value not in ENDS:
                raise InputError(
                    f"--{option}-type cannot be '{value}'.", f"Choose one of {', '.join(ENDS)}."
                )
            if value != "float32" and self.scheme != "int8":
                raise InputError(
                    f"--{option}-type {value} needs integer activations, but the scheme is "
                    f"'{self.scheme}'.",
                    "Add --quantize int8 --data SPEC (representative examples, no labels needed).",
                )

    @property
    def integer_activations(self) -> bool:
        """True when activations become integers, so that ops need integer forms."""
        return find_scheme(self.scheme).needs_data

    def __call__(
        self, graph: Graph, data: Examples | None = None, progress: Progress = silent
    ) -> Outcome:
        """Return the quantized graph.

        Raises:
            InputError: int8 without representative data, or data the model answers with NaN.
            ConversionError: `integer_only` and an op must stay float.
        """
        if self.scheme == "none":
            return self._checked(Outcome(graph, False, "float32 was asked for"))
        if self.integer_activations:
            return self._checked(self._int8(graph, data, progress))
        changed, count = (float16 if self.scheme == "float16" else dynamic)(graph)
        if not count:
            return self._checked(Outcome(graph, False, "no constant is large enough to save bytes"))
        return self._checked(Outcome(changed, True, f"{count} constants stored as {self.scheme}"))

    def _int8(self, graph: Graph, data: Examples | None, progress: Progress) -> Outcome:
        if data is None:
            raise InputError(
                "int8 activations need representative data to find their ranges.",
                "Pass --data SPEC (100-500 typical examples, no labels needed), or use "
                "--quantize dynamic, which needs none.",
            )
        leave = _types(self.output_type, graph.output_names(), "output")
        outputs = _integers(graph.outputs, leave)
        ranges = calibrate(graph, data, progress)
        found = entrances(graph, ranges, integer_ops(graph, outputs)[0])
        graph, ranges = found.graph, found.ranges
        arrive = _types(self.input_type, graph.input_names(), "input")
        arrive = tuple(found.kinds.get(t, k) for t, k in zip(graph.inputs, arrive, strict=True))
        inputs = _integers(graph.inputs, arrive)
        pins = {**_pins(inputs, ranges), **found.pins}
        annotated = annotate(graph, ranges, inputs, _integers(graph.outputs, leave), pins)
        annotated = per_tensor(annotated, self.per_tensor)
        annotated = corrected(annotated, [ranges.means.get(t) for t in graph.inputs])
        lowered = lower(annotated, arrive, leave)
        # Weights that float ops go on reading, in loops for instance, are stored as int8 as well.
        result, _ = dynamic(lowered)
        why = f"{len(annotated.integer)} ops to int8 over {ranges.examples} examples"
        notices = float_notices(result, annotated.reasons)
        return Outcome(result, True, "; ".join((why, *found.why)), notices)

    def _checked(self, outcome: Outcome) -> Outcome:
        left = float_ops(outcome.graph)
        if self.integer_only and left:
            first = left[0]
            raise ConversionError(
                f"The target runs integers only, but {describe(left)} stay float "
                f"(first: {first.kind} at '{_place(first)}').",
                "Replace the layer, cut the graph before it, or choose another target."
                if self.scheme == "int8"
                else "Use --quantize int8 --data SPEC.",
            )
        return outcome


def _types(given: str, names: Sequence[str], what: str) -> tuple[str, ...]:
    return by_port(given.split(","), names, f"--{what}-type", "float32", what)


def _integers(tensors: Sequence[Tensor], types: Sequence[str]) -> tuple[Tensor, ...]:
    pairs = zip(tensors, types, strict=True)
    return tuple(t for t, kind in pairs if kind != "float32" and t.dtype is DType.FLOAT32)


def _pins(inputs: Sequence[Tensor], ranges: Ranges) -> dict[Tensor, QuantParams]:
    """Return the parameters of inputs that were seen to hold raw bytes."""
    found = {tensor: bytes_like(ranges, tensor) for tensor in inputs}
    return {tensor: quant for tensor, quant in found.items() if quant is not None}


def describe(ops: tuple[Op, ...]) -> str:
    """Return op kinds with counts: "2 POW, 1 SIN"."""
    return ", ".join(f"{n} {kind}" for kind, n in Counter(op.kind for op in ops).most_common())


def float_notices(graph: Graph, reasons: Mapping[Op, str]) -> tuple[Notice, ...]:
    """Return one notice per kind of op that stays float in an integer graph."""
    why = {op.kind: reason for op, reason in reasons.items()}
    main = set(graph.ops)
    kinds: dict[str, list[Op]] = {}
    loops: list[Op] = []
    for op in float_ops(graph):
        if op not in main:
            loops.append(op)
        elif op.kind not in ("QUANTIZE", "DEQUANTIZE"):
            kinds.setdefault(op.kind, []).append(op)
    found = [_notice(ops, why.get(kind, _CARRIES)) for kind, ops in kinds.items()]
    if loops:
        found.append(_notice(tuple(loops), _inside(loops), describe(tuple(loops))))
    return tuple(found)


def _inside(ops: Sequence[Op]) -> str:
    """Return why ops of called graphs stay float, and what of their weights does, too."""
    why = "they are inside a loop or branch"
    rows = [(op, FACTS.get(op.kind)) for op in ops]
    weights = [op.input(row.weights.index) for op, row in rows if row and row.weights]
    left = {t for t in weights if t is not None and t.is_constant and t.dtype is DType.FLOAT32}
    if not left:
        return why
    count = sum(t.data.size for t in left if t.data is not None)
    return (
        f"{why}; {count} of their weights stay float32, too: as int8, with a scale per channel, "
        "they would hardly be smaller"
    )


_CARRIES = "it only carries values between float ops"


def _notice(ops: Sequence[Op], why: str, what: str = "") -> Notice:
    more = f" and {len(ops) - 1} more" if len(ops) > 1 else ""
    return Notice(
        "float_op",
        f"{what or f'{len(ops)} {ops[0].kind}'} stay{'' if len(ops) > 1 or what else 's'} float "
        f"(at '{_place(ops[0])}'{more}): {why}.",
        "A float island costs conversions and does not run on integer-only targets.",
    )


def _place(op: Op) -> str:
    names = op.origin or tuple(t.name for t in op.outputs)
    return names[0] if names else "?"
