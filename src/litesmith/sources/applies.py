"""Which option of loading means something for which format; the others are refused, not ignored.

Permissions (`--trust`, `--allow-flex`) and the time limit may always be given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from litesmith.errors import InputError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.options import LoadOptions

_F = SourceFormat
_NAMES: Mapping[SourceFormat, str] = {
    _F.KERAS: "a .keras file",
    _F.HDF5: "a Keras HDF5 file",
    _F.SAVED_MODEL: "a SavedModel",
    _F.FROZEN_GRAPH: "a frozen graph",
    _F.TFLITE: "a .tflite, which is taken as it is",
    _F.MEMORY: "a model in memory",
}
_FILES_OF_KERAS = frozenset({_F.KERAS, _F.HDF5})
_ALL = frozenset(_NAMES)
_FROM_SOURCE = "Use it when exporting the model that the file was made from."


@dataclass(frozen=True)
class _Row:
    """An option.

    Attributes:
        option: on the command line.
        field: of `LoadOptions`.
        formats: where it means something.
        hints: what to do for another format; the one of None where there is no own.
    """

    option: str
    field: str
    formats: frozenset[SourceFormat]
    hints: Mapping[SourceFormat | None, str]


_TABLE = (
    _Row(
        "--signature", "signature", frozenset({_F.SAVED_MODEL, _F.TFLITE}),
        {
            None: "Keras models have one call; --outputs chooses among its outputs.",
            _F.FROZEN_GRAPH: "Say its ends: --inputs A --outputs B.",
        },
    ),
    _Row("--input-shape", "input_shapes", _ALL - {_F.TFLITE}, {None: _FROM_SOURCE}),
    _Row(
        "--custom-objects", "custom_objects", _FILES_OF_KERAS,
        {None: "The model has its code with it: leave the option out.", _F.TFLITE: _FROM_SOURCE},
    ),
    _Row(
        "--builder", "builder", _FILES_OF_KERAS,
        {None: "It is for files of weights (.weights.h5): leave it out.", _F.TFLITE: _FROM_SOURCE},
    ),
    _Row("--batch", "batch", _ALL - {_F.TFLITE}, {None: _FROM_SOURCE}),
    _Row(
        "--inputs", "inputs", frozenset({_F.FROZEN_GRAPH}),
        {
            None: "It names the ends of a frozen graph; this model declares its own. To cut a "
            "front end off: --input LAYER.",
            _F.TFLITE: _FROM_SOURCE,
        },
    ),
    _Row("--outputs", "outputs", _ALL - {_F.TFLITE}, {None: _FROM_SOURCE}),
    _Row("--input", "cut", _ALL - {_F.TFLITE}, {None: _FROM_SOURCE}),
)  # fmt: skip


def refuse_idle(form: SourceFormat, options: LoadOptions) -> None:
    """Refuse options that mean nothing for a format.

    Raises:
        InputError: naming the first one.
    """
    for row in _TABLE:
        if _given(row, options) and form not in row.formats:
            raise _refusal(row, form)


def each_its_own(
    forms: Sequence[SourceFormat | None], options: LoadOptions
) -> tuple[LoadOptions, ...]:
    """Return, for models that share a command line, those options that are each one's.

    A .tflite is taken as it is beside a source that an option of both is for.

    Args:
        forms: of the models, None for one that no loader will open.
        options: of the command line.

    Raises:
        InputError: an option means nothing for any of them.
    """
    found = [options for _ in forms]
    for row in _TABLE:
        if not _given(row, options):
            continue
        takes = [form is None or form in row.formats for form in forms]
        if not any(takes):
            raise _refusal(row, next(form for form in forms if form is not None))
        others = any(t for t, form in zip(takes, forms, strict=True) if form is not _F.TFLITE)
        for i, form in enumerate(forms):
            if not takes[i] or (form is _F.TFLITE and others):
                found[i] = replace(found[i], **{row.field: _default(row)})
    return tuple(found)


def _given(row: _Row, options: LoadOptions) -> bool:
    return bool(getattr(options, row.field) != _default(row))


def _default(row: _Row) -> Any:
    return getattr(LoadOptions(), row.field)


def _refusal(row: _Row, form: SourceFormat) -> InputError:
    return InputError(
        f"{row.option} does not apply to {_NAMES[form]}.", row.hints.get(form, row.hints[None])
    )
