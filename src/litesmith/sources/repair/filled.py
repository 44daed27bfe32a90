"""Did every weight of the file arrive in the model, and did every variable get one?"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.errors import LoadError

Array = npt.NDArray[Any]
Print = tuple[tuple[int, ...], int]


def check_filled(title: str, model: Any, stored: Sequence[Array], *, rearranged: bool) -> None:
    """Refuse a load that dropped weights of the file or left variables as they were made.

    Args:
        title: the loader.
        model: of either Keras.
        stored: all weights of the file.
        rearranged: some were transposed, joined or summed on their way into variables.

    Raises:
        LoadError: saying how many weights do not fit.
    """
    variables = {id(v): v for v in model.weights if "seed_generator" not in str(_path(v))}
    values = [np.asarray(v) for v in variables.values()]
    have, want = Counter(map(_print, stored)), Counter(map(_print, values))
    unfilled = _left(values, want - have)
    unused = _left(stored, Counter({p: n for p, n in (have - want).items() if p not in want}))
    if rearranged and _same_sum(unused, unfilled):
        return
    if unfilled:
        raise LoadError(
            f"{title}: {len(unfilled)} of {len(values)} variables got no weight of the file."
        )
    if unused:
        raise LoadError(
            f"{title}: {len(unused)} of the file's {len(stored)} weights have no place in it."
        )


def _path(variable: Any) -> str:
    return str(getattr(variable, "path", None) or variable.name)


def _print(array: Array) -> Print:
    plain = np.ascontiguousarray(array, dtype=np.float32)
    return array.shape, zlib.crc32(plain.tobytes())


def _left(arrays: Iterable[Array], wanted: Counter[Print]) -> list[Array]:
    rest = Counter(wanted)
    found = []
    for array in arrays:
        mark = _print(array)
        if rest[mark] > 0:
            rest[mark] -= 1
            found.append(array)
    return found


def _same_sum(a: Sequence[Array], b: Sequence[Array]) -> bool:
    sums = [sum(float(np.sum(x, dtype=np.float64)) for x in arrays) for arrays in (a, b)]
    size = sum(float(np.sum(np.abs(x), dtype=np.float64)) for x in a)
    return bool(a) and bool(b) and abs(sums[0] - sums[1]) <= 1e-5 * max(size, 1e-9)
