"""Just enough of the protobuf wire format to tell a GraphDef without TensorFlow."""

from __future__ import annotations

import re
from pathlib import Path

_NODE, _NAME, _OP = 0x0A, 0x0A, 0x12  # field numbers 1, 1 and 2, all length-delimited
_OP_NAME = re.compile(rb"_?[A-Z][A-Za-z0-9_>]*")
_NODE_NAME = re.compile(rb"[A-Za-z0-9.>_][A-Za-z0-9_.\\/>-]*")
_TEXT = re.compile(rb"\s*(?:#[^\n]*\n\s*)*node\s*:?\s*\{\s*(?:name|op)\s*:")
_HEAD = 4096


def is_graph_def(path: Path) -> bool:
    """Return True when a file begins with a TensorFlow node, binary or as text."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return bool(_TEXT.match(head)) or _begins_with_node(head)


def _begins_with_node(head: bytes) -> bool:
    """GraphDef.node = 1 holds NodeDef.name = 1 and NodeDef.op = 2, written in this order."""
    if head[:1] != bytes([_NODE]):
        return False
    size, place = _varint(head, 1)
    if not size:
        return False
    name, place = _field(head, place, _NAME)
    op, _ = _field(head, place, _OP)
    return bool(_NODE_NAME.fullmatch(name) and _OP_NAME.fullmatch(op))


def _field(data: bytes, place: int, tag: int) -> tuple[bytes, int]:
    """Return a length-delimited field's bytes and what follows; nothing for another tag."""
    if data[place : place + 1] != bytes([tag]):
        return b"", place
    size, start = _varint(data, place + 1)
    return data[start : start + size], start + size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    for byte in data[place : place + 5]:
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    return 0, place
