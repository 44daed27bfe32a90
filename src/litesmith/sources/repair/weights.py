"""The weights that a file holds, read without Keras, and the keys under which Keras finds them."""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.sources.detect import SourceFormat

Array = npt.NDArray[Any]
MEMBER = "model.weights.h5"
_OLD_CONTAINER = "_layer_checkpoint_dependencies"
_NOT_OF_THE_MODEL = ("optimizer", "seed_generator", "metrics", "_metrics", "compile_metrics")


def stored_weights(path: Path, form: SourceFormat) -> list[Array] | None:
    """Return every weight of a Keras file; None when they are kept in another way."""
    import h5py

    if form is SourceFormat.HDF5:
        with h5py.File(path, "r") as file:
            return [_array(data) for data in _datasets(file)]
    with zipfile.ZipFile(path) as archive:
        if MEMBER not in archive.namelist():
            return None
        with archive.open(MEMBER) as member, h5py.File(member, "r") as file:
            return [_array(data) for data in _datasets(file)]


def _array(data: Any) -> Array:
    """Return a dataset's values; bfloat16, which HDF5 does not have, is stored as two bytes."""
    values: Array = np.asarray(data)
    if values.dtype.kind == "V" and data.attrs.get("dtype") == "bfloat16":
        halves = np.ascontiguousarray(values).view(np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32)
    return values


def is_by_layer_name(file: Any) -> bool:
    """Return True for the layout of Keras 1 and 2: a group per layer name, listed in attributes."""
    return _listed(file, "layer_names") is not None


def _datasets(file: Any) -> Iterator[Any]:
    root = file.get("model_weights", file)
    names = _listed(root, "layer_names")
    if names is not None:
        tops = ["top_level_model_weights"] if "top_level_model_weights" in root else []
        for name in [*names, *tops]:
            group = root[name]
            for weight in _listed(group, "weight_names") or []:
                yield group[weight]
        return
    for key, data in _leaves(root):
        parts = split(key)
        if "vars" in parts and not any(part in _NOT_OF_THE_MODEL for part in parts):
            yield data


def _listed(group: Any, attribute: str) -> list[str] | None:
    """Return a list of names, which Keras cuts in numbered pieces when it is long.

    In a damaged file the attribute may be a single number: one name that nothing has.
    """
    if attribute in group.attrs:
        found = list(np.ravel(group.attrs[attribute]))
    elif f"{attribute}0" in group.attrs:
        found, n = [], 0
        while f"{attribute}{n}" in group.attrs:
            found += list(np.ravel(group.attrs[f"{attribute}{n}"]))
            n += 1
    else:
        return None
    return [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in found]


def _leaves(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key in group:
        value = group[key]
        path = f"{prefix}/{key}" if prefix else key
        if hasattr(value, "keys"):
            yield from _leaves(value, path)
        else:
            yield path, value


def split(key: str) -> list[str]:
    """Return the parts of a key, whichever way its slashes lean."""
    return [part for part in re.split(r"[\\/]+", key) if part]


def keys_to_repair(file: Any) -> dict[str, str]:
    """Return key → key of today for weights saved on Windows or by tf.keras 2.12; else nothing."""
    keys = [key for key, _ in _leaves(file)]
    if is_by_layer_name(file) or not any("\\" in key or _OLD_CONTAINER in key for key in keys):
        return {}
    groups = [*_groups(file)]
    return _numbered(keys, groups)


def _groups(group: Any, prefix: str = "") -> Iterator[str]:
    for key in group:
        if hasattr(group[key], "keys"):
            path = f"{prefix}/{key}" if prefix else key
            yield path
            yield from _groups(group[key], path)


def _numbered(keys: Iterable[str], groups: Iterable[str]) -> dict[str, str]:
    """Return the keys with `layers` as the container, its members numbered without gaps.

    tf.keras 2.12 counted layers with weights twice: conv2d, conv2d_2, conv2d_4.
    """
    members: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for group in groups:
        parts = split(group)
        for i, part in enumerate(parts[:-1]):
            if part == _OLD_CONTAINER:
                members[tuple(parts[: i + 1])].add(parts[i + 1])
    new_names = {container: _without_gaps(names) for container, names in members.items()}
    return {key: "/".join(_moved(split(key), new_names)) for key in keys}


def _moved(parts: list[str], new_names: dict[tuple[str, ...], dict[str, str]]) -> Iterator[str]:
    for i, part in enumerate(parts):
        names = new_names.get(tuple(parts[:i]), {})
        yield "layers" if part == _OLD_CONTAINER else names.get(part, part)


def _without_gaps(names: set[str]) -> dict[str, str]:
    kinds: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in names:
        found = re.fullmatch(r"(.+?)(?:_(\d+))?", name)
        assert found is not None
        kinds[found[1]].append((int(found[2] or 0), name))
    return {
        name: kind if i == 0 else f"{kind}_{i}"
        for kind, members in kinds.items()
        for i, (_, name) in enumerate(sorted(members))
    }


def with_keys(file: Any, keys: dict[str, str]) -> bytes:
    """Return the HDF5 file with its weights under other keys."""
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as copy:
        for old, new in keys.items():
            copy[new] = np.asarray(file[old])
        copy.require_group("vars")
    return memory.getvalue()
