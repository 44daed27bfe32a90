"""Nested inputs and outputs in *declared* order (tree libraries sort the keys of a dict)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Leaf = Any
Structure = Any


def leaves(
    structure: Structure, is_leaf: Callable[[Any], bool] = lambda _: False, key: str | None = None
) -> Iterator[tuple[str | None, Leaf]]:
    """Yield (innermost dict key or None, leaf) depth first; None is not a leaf."""
    if structure is None:
        return
    if is_leaf(structure):
        yield key, structure
    elif isinstance(structure, Mapping):
        for name, value in structure.items():
            yield from leaves(value, is_leaf, str(name))
    elif isinstance(structure, list | tuple):
        for value in structure:
            yield from leaves(value, is_leaf, key if len(structure) == 1 else None)
    else:
        yield key, structure


def pack(
    structure: Structure, values: Iterator[Any], is_leaf: Callable[[Any], bool] = lambda _: False
) -> Structure:
    """Return a structure of the same form whose leaves are taken from `values`, in leaf order."""
    if structure is None:
        return None
    if is_leaf(structure):
        return next(values)
    if isinstance(structure, Mapping):
        return {name: pack(value, values, is_leaf) for name, value in structure.items()}
    if isinstance(structure, list | tuple):
        packed = [pack(value, values, is_leaf) for value in structure]
        return packed if isinstance(structure, list) else tuple(packed)
    return next(values)


def is_shape(value: Any) -> bool:
    """Return True for a shape: a flat list or tuple of sizes and None."""
    return isinstance(value, list | tuple) and all(x is None or isinstance(x, int) for x in value)


def unique(names: list[str]) -> list[str]:
    """Return the names, repeated ones with `_1`, `_2`, … so that each is said once."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, n = name, 0
        while candidate in taken or (n and candidate in names):
            n += 1
            candidate = f"{name}_{n}"
        taken.add(candidate)
        result.append(candidate)
    return result
