"""An HDF5 file: links to other files, data kept elsewhere, sizes that nothing backs.

Links are looked at, never followed: opening a path through an external link opens its file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

_OBJECTS = 500_000
_SMALL = 16 << 20
_RATIO = 1_100  # deflate cannot do better than 1,032 : 1
_ATTRIBUTE = 256 << 20
# Filters of HDF5 itself and h5py's LZF; others would be looked for in plug-in folders.
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}


def dangers(file: Any, size: int) -> Iterator[str]:
    """Yield what could harm the one who reads an open `h5py.File` of `size` bytes.

    Raises:
        OSError, RuntimeError, KeyError, ValueError: what h5py raises on damaged files.
    """
    import h5py

    todo: list[tuple[str, Any]] = [("", file)]
    seen: set[int] = set()
    soft: list[str] = []
    declared = 0
    while todo:
        where, item = todo.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        if len(seen) > _OBJECTS:
            yield f"it has more than {_OBJECTS} groups and datasets"
            return
        yield from _attributes(where, item)
        if isinstance(item, h5py.Dataset):
            yield from _dataset(where, item)
            declared += _declared(item)
        elif isinstance(item, h5py.Group):
            for name in item:
                path = f"{where}/{name}"
                link = item.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    yield f"its '{_shown(path)}' is a link to the file '{_shown(link.filename)}'"
                elif isinstance(link, h5py.SoftLink):
                    soft.append(path)
                elif isinstance(link, h5py.HardLink):
                    todo.append((path, item[name]))
    for path in soft:  # only now: they cannot lead out through another link
        if file.get(path) is None:
            yield f"its '{_shown(path)}' is a link to nothing"
    if declared > max(_SMALL, size * _RATIO):
        yield f"it is {size} bytes large and its weights say they are {declared}"


def _attributes(where: str, item: Any) -> Iterator[str]:
    import h5py

    for i in range(h5py.h5a.get_num_attrs(item.id)):
        attribute = h5py.h5a.open(item.id, index=i)
        if math.prod(attribute.shape) * attribute.dtype.itemsize > _ATTRIBUTE:
            yield f"an attribute of its '{_shown(where or '/')}' is too large"


def _dataset(where: str, item: Any) -> Iterator[str]:
    plist = item.id.get_create_plist()
    if plist.get_external_count():
        name = plist.get_external(0)[0]
        yield f"its '{_shown(where)}' keeps its data in the file '{_shown(name)}'"
    elif item.is_virtual:
        yield f"its '{_shown(where)}' is put together out of other datasets"
    filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
    if filters - _FILTERS:
        yield f"its '{_shown(where)}' is packed with the plug-in {min(filters - _FILTERS)}"
    declared, stored = _declared(item), item.id.get_storage_size()
    if declared > _SMALL + stored * _RATIO:
        yield f"its '{_shown(where)}' says it is {declared} bytes large and stores {stored}"


def _declared(item: Any) -> int:
    return math.prod(item.shape or ()) * int(item.dtype.itemsize)


def _shown(name: Any) -> str:
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return text.encode("unicode_escape").decode("ascii")[:80]
