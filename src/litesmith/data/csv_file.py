"""`.csv`: one example per line; the last column is the label unless the spec names columns."""

from __future__ import annotations

import contextlib
import csv
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from litesmith.data.dataset import Dataset
from litesmith.data.keys import Keys, did_you_mean
from litesmith.data.rows import Block, Rows, pick
from litesmith.data.specs import Array, TensorSpec
from litesmith.errors import InputError

_CHUNK = 1024


@dataclass(frozen=True)
class Table:
    """A CSV file.

    Attributes:
        path: the file.
        names: of its columns (from the header, else "1", "2", …).
        has_header: whether the first line is one.
        count: number of examples.
    """

    path: Path
    names: tuple[str, ...]
    has_header: bool
    count: int

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line number, cells) of every example."""
        lines = _lines(self.path)
        return itertools.islice(lines, 1, None) if self.has_header else lines

    def text(self, column: int) -> list[str]:
        """Return one column of every example as text."""
        return [cells[column].strip() for _, cells in self.lines()]


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    width = None
    with _readable(path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            width = width or len(cells)
            if len(cells) != width:
                raise InputError(
                    f"{path}, line {reader.line_num}: {len(cells)} columns, but {width} before."
                )
            yield reader.line_num, cells


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV text: {error}") from error


def read_table(path: Path, by_name: bool) -> Table:
    """Look through a file once: its header, width and number of lines.

    Raises:
        InputError: unreadable, empty or ragged.
    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path} is empty.")
    cells = [cell.strip() for cell in first[1]]
    features = cells[:-1] or cells
    has_header = by_name or any(not _is_number(cell) for cell in features)
    names = tuple(cells) if has_header else tuple(str(i + 1) for i in range(len(cells)))
    return Table(path, names, has_header, sum(1 for _ in lines) + (not has_header))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class CsvReader:
    """Columns of a table: float64[n, columns], or float64[n] for an input without axes."""

    table: Table
    columns: tuple[tuple[int, ...], ...]
    scalar: tuple[bool, ...]

    @property
    def size(self) -> int | None:
        """Number of examples."""
        return self.table.count

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield the chosen examples; every pass reads the file anew."""
        return pick(self._all_blocks(), rows)

    def _all_blocks(self) -> Iterator[Block]:
        lines = self.table.lines()
        while chunk := list(itertools.islice(lines, _CHUNK)):
            yield tuple(
                self._numbers(chunk, columns)[:, 0] if scalar else self._numbers(chunk, columns)
                for columns, scalar in zip(self.columns, self.scalar, strict=True)
            )

    def _numbers(self, chunk: list[tuple[int, list[str]]], columns: tuple[int, ...]) -> Array:
        cells = [[cells[column] for column in columns] for _, cells in chunk]
        try:
            return np.array(cells, dtype=np.str_).astype(np.float64)
        except ValueError:
            bad = ((n, c, row[c]) for n, row in chunk for c in columns if not _is_number(row[c]))
            line, column, text = next(bad)
            raise InputError(
                f"{self.table.path}, line {line}, column '{self.table.names[column]}': "
                f"'{text}' is not a number."
            ) from None


def open_csv(path: Path, keys: Keys, inputs: Sequence[TensorSpec]) -> Dataset:
    """Open a `.csv` for an input that is a vector, or for inputs named like columns.

    Raises:
        InputError: unreadable, or the columns do not fit the model's inputs.
    """
    table = read_table(path, by_name=bool(keys.text) or len(inputs) > 1)
    if keys.text or len(inputs) > 1:
        columns, label = _named_columns(table, keys, inputs)
    else:
        columns, label = _all_columns(table, inputs[0])
    reader = CsvReader(table, columns, tuple(spec.example_shape == () for spec in inputs))
    labels = None if label is None else lambda: _label_values(table.text(label))
    return Dataset(
        reader,
        f"{path}#{keys.text}" if keys.text else str(path),
        labels,
        labels_hint=f"Name the label's column: {path}#a;b;c,label (with a header line).",
    )


def _width(spec: TensorSpec) -> int | None:
    shape = spec.example_shape
    if len(shape) > 1:
        raise InputError(
            f"A line of CSV is a row of numbers, but the model's input '{spec.name}' has "
            f"{len(shape)} axes per example: {shape}.",
            "Use an .npz, whose arrays have any shape.",
        )
    return math.prod(size for size in shape if size is not None) if None not in shape else None


def _all_columns(table: Table, spec: TensorSpec) -> tuple[tuple[tuple[int, ...], ...], int | None]:
    width, found = _width(spec), len(table.names)
    if width is not None and found == width:
        return (tuple(range(found)),), None
    if found >= 2 and width in (None, found - 1):
        return (tuple(range(found - 1)),), found - 1
    raise InputError(
        f"{table.path} has {found} columns, but the model's input '{spec.name}' needs {width} "
        "(and one more for the label).",
        f"Name the columns: {table.path}#a;b;c,label (with a header line).",
    )


def _named_columns(
    table: Table, keys: Keys, inputs: Sequence[TensorSpec]
) -> tuple[tuple[tuple[int, ...], ...], int | None]:
    label = None if keys.label is None else _column(table, keys.label)
    if len(inputs) == 1 and keys.listed:
        columns = tuple(_column(table, name) for name in keys.listed)
        width = _width(inputs[0])
        if width is not None and width != len(columns):
            raise InputError(
                f"'#{keys.text}' names {len(columns)} columns, but the model's input "
                f"'{inputs[0].name}' needs {width}."
            )
        return (columns,), label
    if keys.listed:
        raise InputError(
            f"'#{keys.text}' lists columns, but the model has {len(inputs)} inputs.",
            "Write #input=column;other=column2,label",
        )
    if len(inputs) == 1 and not keys.named:
        width = _width(inputs[0])
        rest = tuple(i for i in range(len(table.names)) if i != label)
        if width not in (None, len(rest)):
            raise InputError(
                f"{table.path} has {len(rest)} columns besides '{keys.label}', but the model's "
                f"input '{inputs[0].name}' needs {width}."
            )
        return (rest,), label
    for name in keys.named:
        if name not in [spec.name for spec in inputs]:
            hint = did_you_mean(name, [spec.name for spec in inputs], "The model's inputs")
            raise InputError(f"'#{keys.text}' names an unknown input '{name}'.", hint)
    return tuple((_one_column(table, keys, spec),) for spec in inputs), label


def _one_column(table: Table, keys: Keys, spec: TensorSpec) -> int:
    if _width(spec) not in (None, 1):
        raise InputError(
            f"The model's input '{spec.name}' needs {_width(spec)} numbers per example; with "
            "several inputs, a CSV file gives one column to each.",
            "Use an .npz with one array per input.",
        )
    return _column(table, keys.named.get(spec.name, spec.name))


def _column(table: Table, name: str) -> int:
    if name not in table.names:
        hint = did_you_mean(name, table.names, "Columns there")
        raise InputError(f"{table.path} has no column '{name}'.", hint)
    return table.names.index(name)


def _label_values(text: list[str]) -> Array:
    for dtype in (np.int64, np.float64):
        try:
            return np.array(text, dtype=np.str_).astype(dtype)
        except ValueError:
            continue
    return np.array(text, dtype=np.str_)
