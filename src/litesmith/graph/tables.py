"""Flatbuffers of other schemas than the model's: dataclasses ⇄ tables, by field number.

A schema maps a frozen dataclass to one `Kind` per field, in the order of the `.fbs` file; a union
takes two numbers there and one field here. Empty texts, empty lists and None are left out of a file
and come back as such.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

T = TypeVar("T")

# A hostile file may refer to one large value many times. What is read, counted as often as it is
# referred to, may be this many times the file; a table counts as much as the smallest takes.
_MOST_TIMES, _AT_LEAST, _TABLE_BYTES = 16, 2**20, 16
_DAMAGE = (struct.error, IndexError, ValueError, UnicodeDecodeError, OverflowError)


@dataclass(frozen=True)
class Scalar:
    """A number; `code` is struct's: b (int8, enumerations), i, I, f."""

    code: str
    default: float = 0


@dataclass(frozen=True)
class Text:
    """A string."""


@dataclass(frozen=True)
class Table:
    """A table, of the dataclass that the schema lists."""

    of: type


@dataclass(frozen=True)
class Union:
    """One of several tables; in a file its number counts from 1."""

    members: tuple[type, ...]


@dataclass(frozen=True)
class Blob:
    """Bytes that start at a multiple of `alignment`, such as a flatbuffer inside another."""

    alignment: int = 16


@dataclass(frozen=True)
class Many:
    """A vector of numbers, texts or tables."""

    of: Scalar | Text | Table


Kind = Scalar | Text | Table | Union | Blob | Many
Schema = Mapping[type, Sequence[Kind]]


class DamagedError(ValueError):
    """Bytes that are not what the schema says."""


def encode(value: Any, schema: Schema, identifier: bytes) -> bytes:
    """Return the flatbuffer of a root table.

    Args:
        value: instance of a class that `schema` lists.
        schema: the kinds of its fields, and of those of the tables below it.
        identifier: the file identifier, 4 bytes.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_Encoder(builder, schema).table(value), file_identifier=identifier)
    return bytes(builder.Output())


def decode(data: bytes, root: type[T], schema: Schema, identifier: bytes) -> T:
    """Return the root table of a flatbuffer.

    Fields that the schema does not know are ignored, as every flatbuffer reader does.

    Raises:
        DamagedError: another identifier, or offsets that lead nowhere.
    """
    if data[4:8] != identifier:
        raise DamagedError(f"the identifier {identifier.decode()} is missing")
    try:
        decoder = _Decoder(data, schema)
        found: T = decoder.table(root, decoder.follow(0))
    except _DAMAGE as error:
        raise DamagedError(str(error)) from error
    return found


class _Encoder:
    """Writes children first, as a flatbuffer wants it."""

    def __init__(self, builder: Any, schema: Schema) -> None:
        self.builder = builder
        self.schema = schema

    def table(self, value: Any) -> int:
        kinds = self.schema[type(value)]
        slots: list[tuple[Callable[..., None], Any, Any]] = []
        for kind, field in zip(kinds, fields(value), strict=True):
            slots += self._slots(kind, getattr(value, field.name))
        self.builder.StartObject(len(slots))
        for number, (prepend, content, default) in enumerate(slots):
            prepend(number, content, default)
        return int(self.builder.EndObject())

    def _slots(self, kind: Kind, value: Any) -> list[tuple[Callable[..., None], Any, Any]]:
        b = self.builder
        offset = b.PrependUOffsetTRelativeSlot
        if isinstance(kind, Scalar):
            return [(_scalar_slot(b, kind), value, kind.default)]
        if isinstance(kind, Union):
            code = 0 if value is None else kind.members.index(type(value)) + 1
            content = 0 if value is None else self.table(value)
            return [(b.PrependUint8Slot, code, 0), (offset, content, 0)]
        return [(offset, self._offset(kind, value), 0)]

    def _offset(self, kind: Text | Table | Blob | Many, value: Any) -> int:
        if value is None or (not isinstance(kind, Table) and not len(value)):
            return 0
        if isinstance(kind, Text):
            return int(self.builder.CreateString(value))
        if isinstance(kind, Table):
            return self.table(value)
        if isinstance(kind, Blob):
            return self._blob(value, kind.alignment)
        return self._vector(kind.of, value)

    def _blob(self, value: bytes, alignment: int) -> int:
        b = self.builder
        b.StartVector(1, len(value), alignment)
        b.head = b.Head() - len(value)
        b.Bytes[b.Head() : b.Head() + len(value)] = value
        return int(b.EndVector())

    def _vector(self, kind: Scalar | Text | Table, values: Sequence[Any]) -> int:
        b = self.builder
        if isinstance(kind, Scalar):
            size = struct.calcsize(kind.code)
            packed = struct.pack(f"<{len(values)}{kind.code}", *values)
            b.StartVector(size, len(values), size)
            b.head = b.Head() - len(packed)
            b.Bytes[b.Head() : b.Head() + len(packed)] = packed
            return int(b.EndVector())
        text = isinstance(kind, Text)  # of which an empty one still counts here
        offsets = [int(b.CreateString(v)) if text else self.table(v) for v in values]
        b.StartVector(4, len(offsets), 4)
        for position in reversed(offsets):
            b.PrependUOffsetTRelative(position)
        return int(b.EndVector())


def _scalar_slot(builder: Any, kind: Scalar) -> Callable[..., None]:
    slots: dict[str, Callable[..., None]] = {
        "b": builder.PrependInt8Slot,
        "i": builder.PrependInt32Slot,
        "I": builder.PrependUint32Slot,
        "f": builder.PrependFloat32Slot,
    }
    return slots[kind.code]


class _Decoder:
    """Reads with every offset checked against the end; offsets only lead forward."""

    def __init__(self, data: bytes, schema: Schema) -> None:
        self.data = data
        self.schema = schema
        self.left = max(_MOST_TIMES * len(data), _AT_LEAST)

    def follow(self, position: int) -> int:
        return position + int(struct.unpack_from("<I", self.data, position)[0])

    def table(self, kind: type, position: int) -> Any:
        self._spend(_TABLE_BYTES)
        vtable = position - struct.unpack_from("<i", self.data, position)[0]
        if vtable < 0:
            raise ValueError("a table without a layout")
        size = struct.unpack_from("<H", self.data, vtable)[0]
        count = max(0, size - 4) // 2
        places = struct.unpack_from(f"<{count}H", self.data, vtable + 4)
        found, number = [], 0
        for field in self.schema[kind]:
            width = 2 if isinstance(field, Union) else 1
            at = [position + p if p else None for p in (*places, 0, 0)[number : number + width]]
            found.append(self._field(field, at + [None] * (width - len(at))))
            number += width
        return kind(*found)

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError("it holds more than a file of its size can mean")

    def _field(self, kind: Kind, at: list[int | None]) -> Any:
        place = at[-1]
        if isinstance(kind, Scalar):
            return kind.default if place is None else self._number(kind, place)
        if isinstance(kind, Union):
            code = 0 if at[0] is None else self.data[at[0]]
            known = 0 < code <= len(kind.members)
            if place is None or not known:
                return None
            return self.table(kind.members[code - 1], self.follow(place))
        if place is None:
            return _EMPTY[type(kind)]
        return self._value(kind, self.follow(place))

    def _number(self, kind: Scalar, place: int) -> Any:
        return struct.unpack_from(f"<{kind.code}", self.data, place)[0]

    def _value(self, kind: Text | Table | Blob | Many, place: int) -> Any:
        if isinstance(kind, Table):
            return self.table(kind.of, place)
        count = int(struct.unpack_from("<I", self.data, place)[0])
        start = place + 4
        if isinstance(kind, Many):
            return self._many(kind.of, start, count)
        if start + count > len(self.data):
            raise ValueError("a value ends behind the end of the file")
        self._spend(count)
        raw = self.data[start : start + count]
        return raw.decode("utf-8") if isinstance(kind, Text) else raw

    def _many(self, kind: Scalar | Text | Table, start: int, count: int) -> Any:
        size = struct.calcsize(kind.code) if isinstance(kind, Scalar) else 4
        if start + count * size > len(self.data):
            raise ValueError("a list ends behind the end of the file")
        self._spend(count * size)
        if isinstance(kind, Scalar):
            return struct.unpack_from(f"<{count}{kind.code}", self.data, start)
        return tuple(self._value(kind, self.follow(start + 4 * i)) for i in range(count))


_EMPTY: Mapping[type, Any] = {Text: "", Table: None, Blob: b"", Many: ()}
