"""Representative data by itself: too few, copies, constant examples, scales that do not fit.

Everything is decided on at most `SAMPLE` examples, so that it costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.data import Examples, TensorSpec
from litesmith.graph import Array
from litesmith.graph.step import Notice

SAMPLE = 256
FEW = 50  # below, minimum and maximum of a tensor are far from those of all data
_BATCH = 64
_SAMPLE_BYTES = 48 * 2**20
_ELEMENT = 4  # bytes
_LEAST = 16
_COPIES = 0.25  # share of the examples that repeat others
_CONSTANT = 0.1
_NEAR = 0.005  # of the data's spread
_SMALLEST = 8  # elements; short examples repeat by chance
_UNIT, _BYTES = 1.0, 255.0
_CLEARLY_BYTES = 32.0
_LEAST_MIXED = 0.02


@dataclass(frozen=True)
class Sample:
    """Examples in memory, as the model is fed them.

    Attributes:
        specs: the inputs.
        values: per input (n, *example_shape).
        size: how many examples there are in all, None for a stream.
        where: what the data is called.
        ended: there are no more than those in memory.
    """

    specs: tuple[TensorSpec, ...]
    values: tuple[Array, ...]
    size: int | None
    where: str
    ended: bool = True

    def __len__(self) -> int:
        """Return how many examples are in memory."""
        return len(self.values[0])


def sample(examples: Examples, count: int = SAMPLE) -> Sample | None:
    """Return up to `count` examples, None when they do not all have one shape.

    Raises:
        InputError: data that cannot be read or does not fit the model.
    """
    one = sum(math.prod(d or 1 for d in s.example_shape) * _ELEMENT for s in examples.inputs)
    count = max(_LEAST, min(count, _SAMPLE_BYTES // max(one, 1)))
    blocks = list(examples.take(count).batches(_BATCH, limit=count))
    if not blocks or any(
        a.shape[1:] != b.shape[1:]
        for block in blocks
        for a, b in zip(blocks[0], block, strict=True)
    ):
        return None
    values = tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))
    ended = len(values[0]) < count
    return Sample(examples.inputs, values, examples.size, examples.description, ended)


def too_few(data: Sample) -> Iterator[Notice]:
    """Warn of a set too small to find ranges in."""
    # Of a stream it is known only when it ended within the sample.
    n = data.size if data.size is not None else len(data)
    if n < FEW and (data.size is not None or data.ended):
        yield Notice(
            "few_examples",
            f"Ranges are taken from {n} example{'s' if n != 1 else ''} only: values beyond theirs "
            "are clipped.",
            "Give 100 to 500 typical examples with --data, no labels needed.",
        )


def of_values(data: Sample) -> Iterator[Notice]:
    """Warn of values that speak against themselves."""
    if len(data) > 1:
        for check in _CHECKS:
            yield from check(data)


def _copies(data: Sample) -> Iterator[Notice]:
    rows = _rows(data)
    if rows.shape[1] < _SMALLEST:
        return
    exact = len(rows) - len({row.tobytes() for row in rows})
    near = _near_copies(rows)
    pictures = any(v.ndim > 3 for v in data.values)
    if exact >= (_COPIES if pictures else 2 * _COPIES) * len(rows):
        yield Notice(
            "duplicates",
            f"{exact} of {len(rows)} examples are exact copies of others, so there are fewer "
            "examples than it seems.",
            "Give different examples with --data.",
        )
    elif pictures and near >= 2 * _COPIES * len(rows):
        yield Notice(
            "near_duplicates",
            f"{near} of {len(rows)} examples differ from another by less than {_NEAR:.1%} of the "
            "data's spread, like frames of one scene.",
            "Give --data from many scenes: examples that repeat each other show no new range.",
        )


def _rows(data: Sample) -> Array:
    """Return the examples as rows of float32, all inputs side by side."""
    flat = [v.reshape(len(v), -1).astype(np.float32) for v in data.values]
    return np.ascontiguousarray(np.concatenate(flat, axis=1))


def _near_copies(rows: Array) -> int:
    """Return how many examples lie within `_NEAR` of an earlier one, root mean square."""
    # Distances need no more than a thousand places of each example, spread over all.
    step = max(1, rows.shape[1] // 1024)
    some = rows[:, ::step].astype(np.float64)
    spread = some.std(0)
    some = ((some - some.mean(0)) / np.where(spread > 0, spread, 1))[:, spread > 0]
    if not some.shape[1]:
        return 0
    squares = np.square(some).sum(1)
    distances = squares[:, None] + squares - 2 * some @ some.T
    mean = np.tril(distances / some.shape[1], -1) + np.triu(np.full_like(distances, np.inf))
    return int(np.count_nonzero(mean.min(1) < _NEAR**2))


def _constant(data: Sample) -> Iterator[Notice]:
    for spec, values in zip(data.specs, data.values, strict=True):
        flat = values.reshape(len(values), -1)
        if flat.shape[1] < _SMALLEST or (values.dtype.kind != "f" and values.dtype != np.uint8):
            continue  # numbers of tokens, kinds of tokens: zeros mean something there
        same = flat.max(1) == flat.min(1)
        if len(data.specs) > 1 and same.all():
            continue  # a mask of ones, a state at its start
        count, zeros = int(same.sum()), int((same & (flat[:, 0] == 0)).sum())
        if count >= max(2, _CONSTANT * len(flat)):
            which = "all zeros" if zeros == count else "one value throughout"
            yield Notice(
                "constant_examples",
                f"{count} of {len(flat)} examples{_of(data, spec)} are {which}.",
                "Leave blank examples out of --data, or check how they were read.",
            )


def _mixed_scales(data: Sample) -> Iterator[Notice]:
    for spec, values in zip(data.specs, data.values, strict=True):
        flat = values.reshape(len(values), -1)
        if values.dtype.kind != "f" or values.ndim < 4 or flat.min() < 0 or flat.max() > _BYTES:
            continue
        high = flat.max(1)
        unit = (high <= _UNIT) & (flat != np.rint(flat)).any(1)
        count, others = int(unit.sum()), int((high > _CLEARLY_BYTES).sum())
        if min(count, others) >= max(1, _LEAST_MIXED * len(flat)):
            yield Notice(
                "mixed_scales",
                f"{count} of {len(flat)} examples{_of(data, spec)} hold values from 0 to 1, "
                f"{others} from 0 to {flat.max():.4g}.",
                "Bring all of --data to one scale before it is stored.",
            )


def _of(data: Sample, spec: TensorSpec) -> str:
    return f" of input '{spec.name}'" if len(data.specs) > 1 else ""


_CHECKS: tuple[Callable[[Sample], Iterator[Notice]], ...] = (_copies, _constant, _mixed_scales)


def against(data: Sample, other: Sample) -> Iterator[Notice]:
    """Warn of two sets for one model whose values are of different scale."""
    for spec, a, b in zip(data.specs, data.values, other.values, strict=True):
        if a.dtype.kind != "f" or a[0].size < _SMALLEST:
            continue
        first, second = _size(a), _size(b)
        if first and second and not 1 / _APART < first / second < _APART:
            yield Notice(
                "scales_differ",
                f"The values of --data{_of(data, spec)} are of size {first:.3g} (99th percentile), "
                f"those of --eval of size {second:.3g}.",
                "Both must be raw in the same way: --preprocess is applied to both.",
            )


_APART = 30.0


def _size(values: Array) -> float:
    return float(np.percentile(np.abs(values), 99))


def classes(labels: Sequence[int] | Array, count: int, where: str) -> Iterator[Notice]:
    """Warn of classes without an example.

    Args:
        labels: integer class per example.
        count: classes that the model tells apart.
        where: the option that the examples were given with.
    """
    given = np.asarray(labels)
    if given.ndim != 1 or given.dtype.kind not in "iu" or count < 2 or not len(given):
        return
    if given.min() < 0 or given.max() >= count:
        return
    missing = sorted(set(range(count)) - set(np.unique(given).tolist()))
    # Of a set this small some classes are missing by chance.
    if not missing or len(given) < 5 * count:
        return
    listed = ", ".join(map(str, missing[:8])) + (" …" if len(missing) > 8 else "")
    yield Notice(
        "classes_missing",
        f"{len(missing)} of the model's {count} classes have no example among {len(given)} of "
        f"{where} (class {listed}).",
        f"Give {where} that covers every class, in random order.",
    )
