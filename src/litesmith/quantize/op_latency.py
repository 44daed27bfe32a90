"""Milliseconds of each op at each precision: one-op graphs, cut from the integer graph and timed.

What a sum of them says of a whole file is right up to what ops cost together (conversions between
widths, caches), which the caller corrects by the time of the real file.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from litesmith.graph import Graph, Op, write
from litesmith.measure import measure_latency
from litesmith.quantize.sensitivity import Subject, built
from litesmith.runtime import Session

_SECONDS = 0.05  # for all forms of one op

Choice = tuple[Op, int]


def op_latencies(subject: Subject, choices: Sequence[Choice]) -> Mapping[Choice, float]:
    """Return (op, bits) → ms of one invocation of that op alone, on this machine.

    Ops of one form (kind, options, types and shapes) are timed once, by the process's own time on
    one thread, the forms of an op taking turns. An op that is not found in the integer graph under
    its result's name counts as 0.

    Args:
        subject: what is quantized.
        choices: ops, each with bits it may get.
    """
    lowered: dict[int, dict[str, Op]] = {}
    for bits in dict.fromkeys(bits for _, bits in choices):
        graph = built(subject, {op: own for op, own in choices if own == bits})
        lowered[bits] = {t.name: op for op in graph.ops for t in op.outputs}
    known: dict[Hashable, float] = {}
    found: dict[Choice, float] = {}
    for op in dict.fromkeys(op for op, _ in choices):
        forms = {
            bits: one
            for own, bits in choices
            if own is op and (one := lowered[bits].get(op.outputs[0].name)) is not None
        }
        known |= _timed([one for one in forms.values() if _form(one) not in known])
        for own, bits in choices:
            if own is op:
                found[op, bits] = known[_form(forms[bits])] if bits in forms else 0.0
    return found


def _form(op: Op) -> Hashable:
    """Return what an op's time depends on."""
    operands = tuple(
        None if t is None else (t.shape, t.dtype, t.is_constant, _stored(t.quant))
        for t in (*op.inputs, *op.outputs)
    )
    return op.kind, op.version, repr(op.options), operands


def _stored(quant: object) -> object:
    bits, axis = getattr(quant, "bits", None), getattr(quant, "axis", None)
    return bits, axis


def _timed(ops: Sequence[Op]) -> dict[Hashable, float]:
    """Return form → ms of ops that are timed in turns."""
    sessions = {_form(op): _session(op) for op in ops}
    if not sessions:
        return {}
    names = {str(i): form for i, form in enumerate(sessions)}
    runners = {name: sessions[form].invoke for name, form in names.items()}
    times = measure_latency(runners, _SECONDS, time.process_time)
    return {form: times[name].value for name, form in names.items()}


def _session(op: Op) -> Session:
    fed = tuple(dict.fromkeys(t for t in op.inputs if t is not None and not t.is_constant))
    session = Session(write(Graph(fed, op.outputs, (op,))))
    session.feed([np.zeros(port.shape, port.dtype) for port in session.inputs])
    return session
