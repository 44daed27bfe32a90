"""How many steps, how large: from bits, examples and size of the network, never from a clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Graph
from litesmith.graph.facts import FACTS
from litesmith.train.nouns import Settings
from litesmith.train.parameters import FLOAT_BITS, Weight

RATE = 5e-3  # units per step, at the start of the cosine
_MEMORY = 1 / 20  # of all steps: how far back the mean of what they reached goes
LOOKS = 20  # at the held-out examples
_STEPS = {1: 7000, 2: 6000, 3: 2500, 4: 1000}  # by the bits of most weights
_STEPS_FINE = 200
_BATCH, _SMALL_BATCH = 64, 16
_LARGE_MACS = 5e8  # of an example, from which batches are small
# A step of this many multiply-accumulates takes about 0.1 s on two cores, forward and backward of
# student and teacher; larger networks get fewer steps, but not less than this part of them.
_STEP_MACS = 1.2e9
_LEAST = 0.25
_HELD = _FEW_HUNDRED = 256
_HELD_PART = 0.1
_FEW = 64  # examples, below which none are held out
_BYTES_PER_VALUE = 14  # of a result: teacher, student, what the gradient needs


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        steps: optimizer steps.
        batch: examples per step.
        part: examples per pass; smaller than `batch` where memory is short.
        rate: at the start.
        few: examples of one pass without a gradient, from which moments are taken.
        held: examples at the end of the set that are looked at, not trained on.
        look_every: steps.
    """

    steps: int
    batch: int
    part: int
    rate: float
    few: int
    held: int
    look_every: int


def plan(graph: Graph, weights: tuple[Weight, ...], count: int, settings: Settings) -> Plan:
    """Return what a run on `count` examples does."""
    large = macs(graph) > _LARGE_MACS
    batch = min(settings.batch or (_SMALL_BATCH if large else _BATCH), count)
    held = 0 if count < _FEW else min(_HELD, math.ceil(_HELD_PART * count))
    batch = min(batch, count - held)
    steps = settings.steps or _steps(weights, macs(graph) * batch)
    room = settings.memory_mb * 2**20 / max(_BYTES_PER_VALUE * _values(graph), 1)
    part = int(np.clip(room, 1, batch))
    part = math.ceil(batch / math.ceil(batch / part))
    few = int(np.clip(1.5 * room, 1, min(_FEW_HUNDRED, count - held)))
    return Plan(steps, batch, part, RATE, few, held, max(1, steps // LOOKS))


@dataclass(frozen=True)
class Pace:
    """How one step is taken.

    Attributes:
        rate: units per step.
        inner: part of the weight of inner results that still counts. They lead the way, but at the
            end answers alone count: then the student may differ inside where that answers better.
        follow: part of the way to a step's result that the mean of steps goes. The mean is what
            ships: around it weights swing between two levels of their grid.
    """

    rate: float
    inner: float = 1.0
    follow: float = 1.0


def pace_at(plan: Plan, step: int, factor: float = 1.0) -> Pace:
    """Return how a step is taken: the rate and the part of inner results fall as half a cosine.

    Args:
        plan: of the run.
        step: 0 at the start.
        factor: of the planned rate.
    """
    left = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return Pace(factor * plan.rate * left, left, min(1.0, 1 / (_MEMORY * plan.steps)))


def _steps(weights: tuple[Weight, ...], step_macs: float) -> int:
    wanted = _STEPS.get(_common_bits(weights), _STEPS_FINE)
    slower = step_macs / _STEP_MACS
    return round(wanted * float(np.clip(1 / max(slower, 1e-9), _LEAST, 1.0)))


def _common_bits(weights: tuple[Weight, ...]) -> int:
    """Return the fewest bits that a quarter of all weights have."""
    total = sum(w.start.size for w in weights)
    for bits in sorted({w.bits for w in weights}):
        if 4 * sum(w.start.size for w in weights if w.bits <= bits) >= total:
            return bits
    return FLOAT_BITS


def macs(graph: Graph) -> float:
    """Return the multiply-accumulates of an example, of ops with weights in the main graph."""
    total = 0.0
    for op in graph.ops:
        row = FACTS.get(op.kind)
        if row is not None and row.weights is not None:
            weights = op.inputs[row.weights.index]
            assert weights is not None
            channels = max(weights.shape[row.weights.axis], 1)
            total += math.prod(op.outputs[0].shape) * math.prod(weights.shape) / channels
    return total


def _values(graph: Graph) -> int:
    """Return how many values all results of an example have."""
    return sum(math.prod(t.shape) for op in graph.ops for t in op.outputs if t.dtype.is_float)
