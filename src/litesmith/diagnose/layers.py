"""Where two graphs made from one model part ways, tensor by tensor.

Both run on the same examples with every tensor that they have in common as an output. Names match
the tensors: quantizers keep those of the float graph. A third run feeds the other graph's own
tensors to the reference's ops, which tells what each op adds from what it was handed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.diagnose.findings import place
from litesmith.diagnose.taps import Taps, computed
from litesmith.graph import Array, DType, Graph, Op, Tensor
from litesmith.graph.edit import producers

SQNR_CAP_DB = 300.0
_EXAMPLES_EACH = 4


@dataclass(frozen=True)
class Layer:
    """One tensor that both graphs compute.

    Attributes:
        name: the source's layer, as far as the file says; the tensor's name otherwise.
        kind: of the op that computes it in the reference.
        dtype: how the other graph stores it.
        sqnr_db: 10·log10(Σ reference² / Σ error²), all errors up to here included.
        cosine: of all values as one vector.
        relative_error: √(Σ error² / Σ reference²).
        added: √(Σ error² / Σ value²) of this op alone, fed what the other graph feeds it; None
            where its operands are not known in the reference.
        rank: 1 for the op that adds most; None where `added` is.
    """

    name: str
    kind: str
    dtype: str
    sqnr_db: float
    cosine: float
    relative_error: float
    added: float | None
    rank: int | None = None


@dataclass(frozen=True)
class Layers:
    """The tensors in common, in the order of execution.

    Attributes:
        layers: one each.
        of: how many real-valued tensors the other graph computes, conversions left out.
        examples: how many they were compared on.
    """

    layers: tuple[Layer, ...]
    of: int
    examples: int


_Pairs = Mapping[Tensor, Tensor]


def compare_layers(
    references: Sequence[Graph], other: Graph, batches: Iterable[tuple[Sequence[Array], ...]]
) -> Layers:
    """Return how far `other` is from the reference at every tensor they have in common.

    Args:
        references: forms of one float graph (as it was read, rewritten, …); the one that has most
            tensors in common is taken, of equals the one nearest in number of ops.
        other: the graph that is held against it, quantized or not.
        batches: (what the reference is fed, what the other is fed), (k, *example_shape) each.

    Raises:
        LoadError: LiteRT cannot run one of them with its tensors as outputs.
    """
    found = [(_matched(one, other), one) for one in references]
    pairs, reference = max(found, key=lambda f: (len(f[0]), -abs(_size(f[1]) - _size(other))))
    if not pairs:
        return Layers((), _total(other), 0)
    places = tuple(pairs)
    first, second = Taps(reference, places), Taps(other, [pairs[t] for t in places])
    alone = _Alone(reference, places)
    sums = [_Sums() for _ in places]
    own = [_Sums() for _ in places]
    examples = 0
    for fed, fed_other in batches:
        for i in range(0, len(fed[0]), _EXAMPLES_EACH):
            some = [x[i : i + _EXAMPLES_EACH] for x in fed]
            expected = first.run(some)
            actual = second.run([x[i : i + _EXAMPLES_EACH] for x in fed_other])
            examples += len(some[0])
            for total, a, b in zip(sums, expected, actual, strict=True):
                total.add(a, b)
            for position, values in alone.run(some, actual):
                own[position].add(values, actual[position])
    return Layers(_ranked(reference, pairs, sums, own), _total(other), examples)


def _size(graph: Graph) -> int:
    return sum(op.kind not in ("QUANTIZE", "DEQUANTIZE") for op in graph.ops)


def _results(graph: Graph) -> list[tuple[Tensor, Op]]:
    return [(t, op) for t, op in computed(graph) if op.kind not in ("QUANTIZE", "DEQUANTIZE")]


def _total(graph: Graph) -> int:
    return len(_results(graph))


def _matched(reference: Graph, other: Graph) -> dict[Tensor, Tensor]:
    """Return tensor of the reference → the same of the other, in the reference's order.

    Whole names go first. Converters join the names of what they fuse, not always alike, so the
    first of them decides next. Outputs, which are renamed at will, are matched by position.
    """
    found: dict[Tensor, Tensor] = {}
    for named in (_whole, _first):
        free = set(found.values())
        theirs = _by_name(other, named)
        for name, tensor in _by_name(reference, named).items():
            same = theirs.get(name)
            if tensor not in found and same not in free and same and same.shape == tensor.shape:
                found[tensor] = same
    if len(reference.outputs) == len(other.outputs):
        for a, b in zip(_ends(reference), _ends(other), strict=True):
            if a and b and a not in found and b not in found.values() and a.shape == b.shape:
                found[a] = b
    order = [t for t, _ in _results(reference)]
    return {t: found[t] for t in order if t in found}


def _whole(tensor: Tensor) -> str:
    return tensor.name


def _first(tensor: Tensor) -> str:
    return tensor.name.split(";")[0]


def _by_name(graph: Graph, named: Callable[[Tensor], str]) -> dict[str, Tensor]:
    """Return the tensors whose name is that of no other."""
    results = _results(graph)
    count = Counter(named(t) for t, _ in results)
    return {named(t): t for t, _ in results if count[named(t)] == 1}


def _ends(graph: Graph) -> list[Tensor | None]:
    """Return what the outputs are before they are converted, None for what no op computes."""
    made_by = producers(graph)
    known = {t for t, _ in _results(graph)}
    found: list[Tensor | None] = []
    for output in graph.outputs:
        tensor: Tensor | None = output
        while tensor in made_by and made_by[tensor].kind in ("QUANTIZE", "DEQUANTIZE"):
            tensor = made_by[tensor].inputs[0]
        found.append(tensor if tensor in known else None)
    return found


class _Alone:
    """The reference's ops, each fed the tensors of the other graph instead of its own operands."""

    def __init__(self, reference: Graph, places: Sequence[Tensor]) -> None:
        self._places = places
        self._taps: Taps | None = None
        if any(t.dtype is not DType.FLOAT32 for t in places):
            return
        given = {t: t.with_(name=f"{t.name}/given") for t in places}
        ops = tuple(
            op.with_(inputs=tuple(given.get(t, t) if t is not None else None for t in op.inputs))
            for op in reference.ops
        )
        read = {t for op in ops for t in op.inputs if t is not None}
        self._inputs = [i for i, t in enumerate(reference.inputs) if t in read]
        self._given = [i for i, t in enumerate(places) if given[t] in read]
        inputs = (
            *(reference.inputs[i] for i in self._inputs),
            *(given[places[i]] for i in self._given),
        )
        self._taps = Taps(reference.with_(inputs=inputs, ops=ops), places)

    def run(self, batch: Sequence[Array], actual: Sequence[Array]) -> Iterable[tuple[int, Array]]:
        """Yield (position, what the op makes of the other graph's operands)."""
        if self._taps is None:
            return
        fed = [*(batch[i] for i in self._inputs), *(actual[i] for i in self._given)]
        yield from enumerate(self._taps.run(fed))


class _Sums:
    """Running sums over the values of one tensor."""

    def __init__(self) -> None:
        self.signal = self.noise = self.dot = self.power = 0.0
        self.count = 0

    def add(self, expected: Array, actual: Array) -> None:
        """Take in equal shapes; what depends on the values may have others, and says nothing."""
        if expected.size != actual.size:
            return
        a, b = expected.reshape(-1), actual.reshape(-1)
        # Not by BLAS, whose threads wait for each other on a busy machine.
        self.signal += _sum(np.square(a))
        self.power += _sum(np.square(b))
        self.dot += _sum(a * b)
        self.noise += _sum(np.square(a - b))
        self.count += a.size

    @property
    def sqnr_db(self) -> float:
        """Signal over noise, within ±`SQNR_CAP_DB`."""
        if self.noise == 0:
            return SQNR_CAP_DB
        if self.signal == 0:
            return -SQNR_CAP_DB
        return float(np.clip(10 * np.log10(self.signal / self.noise), -SQNR_CAP_DB, SQNR_CAP_DB))

    @property
    def cosine(self) -> float:
        """1 when both are zero, 0 when just one is."""
        size = np.sqrt(self.signal * self.power)
        return self.dot / float(size) if size else float(self.signal == self.power)

    @property
    def relative(self) -> float:
        """√(noise / signal); 0 when both are zero, the root of the noise itself without signal."""
        return float(np.sqrt(self.noise / self.signal if self.signal else self.noise))


def _sum(values: Array) -> float:
    return float(values.sum(dtype=np.float64))


def _ranked(
    reference: Graph, pairs: _Pairs, sums: Sequence[_Sums], own: Sequence[_Sums]
) -> tuple[Layer, ...]:
    made_by = dict(_results(reference))
    added = [one.relative if one.count else None for one in own]
    order = sorted(
        (i for i, a in enumerate(added) if a is not None), key=lambda i: -(added[i] or 0)
    )
    ranks = {position: rank for rank, position in enumerate(order, 1)}
    return tuple(
        Layer(
            place(made_by[tensor], tensor),
            made_by[tensor].kind,
            other.dtype.value,
            sums[i].sqnr_db,
            sums[i].cosine,
            sums[i].relative,
            added[i],
            ranks.get(i),
        )
        for i, (tensor, other) in enumerate(pairs.items())
    )
