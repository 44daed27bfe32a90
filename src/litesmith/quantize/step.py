"""The step that turns a float graph into the graph that ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from litesmith.data import Examples
from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph, Op
from litesmith.graph.census import float_ops
from litesmith.graph.step import Notice, Outcome, Progress, silent
from litesmith.quantize.annotate import Annotated, annotate
from litesmith.quantize.bias_correction import corrected
from litesmith.quantize.boxes import box_arithmetic
from litesmith.quantize.cells import slow_cells
from litesmith.quantize.choose import BITS, WIDE, Precisions, choose, parse_bits
from litesmith.quantize.columns import Apart, columns_apart
from litesmith.quantize.contest import Draft
from litesmith.quantize.ends import ENDS, Ends, byte_pins, integers_among, types_of
from litesmith.quantize.entrance_forms import wide_input
from litesmith.quantize.entrances import entrances
from litesmith.quantize.equalize import told_apart
from litesmith.quantize.granularity import per_tensor
from litesmith.quantize.loop_forms import forms, kept_float, precisions_of
from litesmith.quantize.loop_ranges import with_loops
from litesmith.quantize.loops import Refusal, rolled, unrolled
from litesmith.quantize.lower import lower
from litesmith.quantize.masks import softened
from litesmith.quantize.notices import describe, float_notices, keeps_bytes, place, prices
from litesmith.quantize.plan import integer_ops, refusal
from litesmith.quantize.ranges import calibrate
from litesmith.quantize.schemes import FLOAT_BITS, LEAST_UNTRAINED, find_scheme
from litesmith.quantize.sensitivity import Subject
from litesmith.quantize.tune import Islands, tuned
from litesmith.quantize.weights import annotated_weights, store
from litesmith.quantize.wide_forms import LEAST_WIDENED, wide_notices, widened


@dataclass(frozen=True)
class Prepared:
    """A graph whose ranges are known.

    Attributes:
        draft: what is quantized, and how.
        ends: how its inputs arrive and its outputs leave.
        why: what was done to it, one clause each.
        notices: what could not be done.
    """

    draft: Draft
    ends: Ends
    why: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Quantize:
    """Quantize a float graph after training.

    Attributes:
        scheme: a key of `SCHEMES`.
        input_type, output_type: element type of float inputs and outputs of the shipped file:
            "float32", "int8" or "uint8", or "NAME:int8" for one, separated by commas. The integer
            ones need scheme int8. Inputs that are integers already stay what they are.
        integer_only: refuse to leave a float op (targets without a floating-point unit).
        integer_cells: recurrent ops compute in integers, although LiteRT's kernels for that are
            slower than its float ones on a CPU (targets with kernels or hardware of their own).
        per_tensor: kinds of op whose weights get one scale instead of one per channel.
        bits: "PATTERN=N": N bits (1 to 4, 8, 16 or 32) for ops that the pattern names, see
            `choose`.
        float_ops: patterns of ops that stay float.
        edge_bits: bits of the first and last ops with weights, 0 for what the scheme says.
        litert_forms: LiteRT itself runs the file (see `lower`).
        wide_ops: in int8 files, dense and last layers may get int16 activations where 8 bits would
            change the answers (see `wide_forms`).
    """

    scheme: str = "int8"
    input_type: str = "float32"
    output_type: str = "float32"
    integer_only: bool = False
    integer_cells: bool = False
    per_tensor: tuple[str, ...] = ()
    bits: tuple[str, ...] = ()
    float_ops: tuple[str, ...] = ()
    edge_bits: int = 0
    litert_forms: bool = True
    wide_ops: bool = True
    name: str = "quantize"

    def __post_init__(self) -> None:
        find_scheme(self.scheme)
        self._check_bits()
        types = (("input", self.input_type), ("output", self.output_type))
        for option, text in ((option, t) for option, given in types for t in given.split(",")):
            value = text.rpartition(":")[2].strip()
            if value not in ENDS:
                raise InputError(
                    f"--{option}-type cannot be '{value}'.", f"Choose one of {', '.join(ENDS)}."
                )
            if value != "float32" and not self.integer_activations:
                raise InputError(
                    f"--{option}-type {value} needs integer activations, but the scheme is "
                    f"'{self.scheme}'.",
                    "Add --quantize int8 --data SPEC (representative examples, no labels needed).",
                )

    def _check_bits(self) -> None:
        if self.edge_bits and self.edge_bits not in BITS:
            known = ", ".join(map(str, BITS))
            raise InputError(
                f"--edge-bits {self.edge_bits}: there are no kernels of so many bits.",
                f"Choose one of {known} (32 is float).",
            )
        asked = [(f"--bits {p}={n}", n) for p, n in parse_bits(self.bits)]
        asked += [(f"--edge-bits {self.edge_bits}", self.edge_bits)] if self.edge_bits else []
        coarse = [text for text, n in asked if n < LEAST_UNTRAINED]
        if coarse and not self.integer_activations:
            raise InputError(
                f"{coarse[0]} needs integer activations, but the scheme is '{self.scheme}'.",
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
        scheme = find_scheme(self.scheme)
        precisions = self._precisions(graph, strict=True)
        if self.scheme == "none" and not precisions.own:
            return self._checked(Outcome(graph, False, "float32 was asked for"))
        if scheme.integer:
            return self.finished(self.prepared(graph, data, progress))
        return self._checked(self._stored(graph, precisions))

    def weighted(self, graph: Graph) -> Graph:
        """Return the graph whose weights say what a scheme with float activations makes of them.

        They can then be trained, and the step called on the result.
        """
        scheme = find_scheme(self.scheme)
        precisions = self._precisions(graph)
        return annotated_weights(graph, precisions.of, scheme.hybrid)

    def _stored(self, graph: Graph, precisions: Precisions) -> Outcome:
        """Return the graph with smaller constants and float activations."""
        hybrid = find_scheme(self.scheme).hybrid
        changed, counts = store(graph, precisions.of, hybrid)
        if not counts:
            return Outcome(graph, False, "no constant is large enough to save bytes")
        why = f"{sum(counts.values())} constants stored as {self.scheme}"
        if len(counts) > 1:
            kinds = (f"{n} as {_FORMS[bits]}" for bits, n in sorted(counts.items()))
            why = f"{why}: {', '.join(kinds)}"
        return Outcome(changed, True, self._explained(why, changed), prices(changed))

    def _explained(self, why: str, graph: Graph) -> str:
        """Return what was done and, where few bits were asked for, which weights kept 8 and why."""
        scheme = find_scheme(self.scheme)
        if scheme.bits > 4:
            return why
        form = "int4" if scheme.integer else f"{'hybrid' if scheme.hybrid else 'expanded'} int4"
        precisions = self._precisions(graph)
        if precisions.edges:
            bits = next(iter(precisions.edges.values()))
            why = f"{why}; the first and last ops with weights have {bits} bits"
        kept = keeps_bytes(graph, form, [op for op in graph.ops if precisions.of(op) > 4])
        return why if kept is None else f"{why}; {kept}"

    def prepared(
        self, graph: Graph, data: Examples | None = None, progress: Progress = silent
    ) -> Prepared:
        """Return what examples show: all that other bits per op leave as it is.

        Raises:
            InputError: no representative data, or data the model answers with NaN.
        """
        if data is None:
            raise InputError(
                f"{self.scheme}: integer activations need representative data for their ranges.",
                "Pass --data SPEC (100-500 typical examples, no labels needed), or use "
                "--quantize dynamic, which needs none.",
            )
        leave = types_of(self.output_type, graph.output_names(), "output")
        apart = self._apart(graph, data, leave)
        graph, outputs = apart.graph, integers_among(apart.graph.outputs, leave)
        ranges = calibrate(graph, data, progress)
        precisions = self._precisions(graph)
        found = entrances(graph, ranges, integer_ops(graph, outputs, apart.floats, precisions)[0])
        bits = find_scheme(self.scheme).bits
        masks = softened(found.graph, found.ranges, _SOFTMAX_STEP[bits == WIDE])
        graph, ranges = masks.graph, masks.ranges
        arrive = types_of(self.input_type, graph.input_names(), "input")
        arrive = tuple(found.kinds.get(t, k) for t, k in zip(graph.inputs, arrive, strict=True))
        inputs = integers_among(graph.inputs, arrive)
        pins = {**byte_pins(inputs, ranges), **found.pins}
        ends = Ends(arrive, leave, pins)
        draft = Draft(graph, ranges, apart.floats)
        ways = forms(graph, self._refusal(graph), self.integer_cells)
        if ways and (self.integer_cells or bits != WIDE):
            draft = replace(draft, ranges=with_loops(graph, ranges, data), loops=ways[0])
        if bits != WIDE:
            tried = self._untrained()

            def build(draft: Draft) -> Graph:
                return tried._lowered(tried._annotated(draft, ends), ends)

            given = [t for t in graph.inputs if t not in inputs]
            # Who reads integers wants an integer file.
            floats = not self.integer_only and not integers_among(graph.outputs, leave)
            islands = Islands(floats, floats and self.wide_ops and bits == LEAST_WIDENED)

            def own(graph: Graph) -> Mapping[Op, int]:
                return self._precisions(graph).own

            draft = tuned(draft, build, given, islands, own, ways[1:])
        why = (*found.why, *masks.why, *apart.why, *draft.why)
        named = zip(graph.inputs, graph.input_names(), strict=True)
        told = [wide_input(ranges, t, n) for t, n in named if t in inputs and t not in pins]
        return Prepared(draft, ends, why, (*apart.notices, *(n for n in told if n is not None)))

    def _untrained(self) -> Quantize:
        """Return the step that ranges are judged by: 8 bits where fewer want training first."""
        if not find_scheme(self.scheme).needs_training:
            return self
        kept = [(p, n) for p, n in parse_bits(self.bits) if n >= LEAST_UNTRAINED]
        bits = tuple(f"{pattern}={n}" for pattern, n in kept)
        return replace(self, scheme="int8", bits=bits, edge_bits=0)

    def annotated(self, prepared: Prepared) -> Annotated:
        """Return the float graph whose tensors say what they will be: to simulate, or to train.

        Its loops compute in float: what integer ones are laid out as cannot be run.
        """
        return self._annotated(replace(prepared.draft, loops=""), prepared.ends)

    def finished(self, prepared: Prepared, annotated: Annotated | None = None) -> Outcome:
        """Return the integer graph of what was prepared, by this step or by one of other bits.

        Args:
            prepared: from `prepared`.
            annotated: from `annotated`, with constants that training may have changed.

        Raises:
            ConversionError: `integer_only` and an op must stay float.
        """
        draft = prepared.draft
        annotated = annotated or self._annotated(draft, prepared.ends)
        result = self._lowered(annotated, prepared.ends)
        why = f"{len(annotated.integer)} ops to {self.scheme} over {draft.ranges.examples} examples"
        why = self._explained(why, result)
        floats = float_notices(result, annotated.reasons, self._why_float(draft))
        costs = prices(result) if not draft.wide else wide_notices(draft.wide, prices(result))
        notices = (*floats, *costs, *prepared.notices)
        result = told_apart(result, draft.scaled) if draft.scaled else result
        return self._checked(Outcome(result, True, "; ".join((why, *prepared.why)), notices))

    def subject(self, prepared: Prepared) -> Subject:
        """Return what was prepared as `sensitivity.measure` takes it."""
        draft = prepared.draft
        top = WIDE if self.integer_only else FLOAT_BITS
        precisions = self._precisions(draft.graph)
        # What the tuner widened may be raised further, unlike what the user named.
        wide = {**precisions.edges, **dict.fromkeys(draft.wide, WIDE)}
        precisions = replace(precisions, edges=MappingProxyType(wide))
        return Subject(draft.graph, draft.ranges, precisions, draft.floats, top)

    def _annotated(self, draft: Draft, ends: Ends) -> Annotated:
        graph, ranges = draft.graph, draft.ranges
        if draft.loops:
            graph = unrolled(graph, self._refusal(graph))
        inputs, outputs = (
            integers_among(graph.inputs, ends.arrive),
            integers_among(graph.outputs, ends.leave),
        )
        precisions = widened(self._precisions(graph), draft.wide)
        precisions = precisions_of(graph, precisions, draft.loops)
        annotated = annotate(graph, ranges, inputs, outputs, ends.pins, draft.floats, precisions)
        annotated = per_tensor(annotated, self.per_tensor)
        return corrected(annotated, ranges.means)

    def _lowered(self, annotated: Annotated, ends: Ends) -> Graph:
        lowered = rolled(lower(annotated, ends.arrive, ends.leave, self.litert_forms))
        # Weights that float ops go on reading, in loops for instance, are stored as int8 as well.
        scheme = find_scheme(self.scheme)
        bits = 8 if scheme.needs_training else min(scheme.bits, 8)
        return store(lowered, self._precisions(lowered, bits).of, hybrid=True)[0]

    def _why_float(self, draft: Draft) -> str:
        """Return why ops inside loops stay float."""
        why = kept_float(draft.graph, self._refusal(draft.graph))
        if why or draft.loops:
            return why
        tried = forms(draft.graph, self._refusal(draft.graph), self.integer_cells)
        return f"integers in it would {'change the answers' if tried else 'make it no faster'}"

    def _refusal(self, graph: Graph) -> Refusal:
        """Return what says why an op has no integer form; ops in called graphs included."""
        precisions = self._precisions(graph)
        return lambda op: refusal(op, precisions.of(op))

    def _precisions(self, graph: Graph, default: int = 0, strict: bool = False) -> Precisions:
        """Return the bits of a graph's ops; in later forms of the graph a name may have gone."""
        scheme = find_scheme(self.scheme)
        bits = default or scheme.bits
        edge = (self.edge_bits, 1.0) if self.edge_bits else (scheme.edge_bits, scheme.edge_part)
        return choose(graph, bits, self.bits, self.float_ops, strict, *edge)

    def _apart(self, graph: Graph, data: Examples, leave: tuple[str, ...]) -> Apart:
        """Return the graph with what 8 bits cannot hold apart; 16 bits can."""
        if find_scheme(self.scheme).bits == WIDE:
            return Apart(graph)
        apart = columns_apart(graph, data, integers_among(graph.outputs, leave), self.integer_only)
        own = self._precisions(apart.graph).own
        slow = {} if self.integer_cells else slow_cells(apart.graph, own)
        return replace(apart, floats={**apart.floats, **box_arithmetic(apart.graph), **slow})

    def _checked(self, outcome: Outcome) -> Outcome:
        left = float_ops(outcome.graph)
        if self.integer_only and left:
            first = left[0]
            raise ConversionError(
                f"The target runs integers only, but {describe(left)} stay float "
                f"(first: {first.kind} at '{place(first)}').",
                "Replace the layer, cut the graph before it, or choose another target."
                if self.scheme == "int8"
                else "Use --quantize int8 --data SPEC.",
            )
        return outcome


_SOFTMAX_STEP = (1 / 256, 1 / 32768)  # of its int8 and int16 results
_FORMS = {4: "int4", 8: "int8", 16: "float16"}
