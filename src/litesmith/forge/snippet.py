"""Code for one .tflite file."""

from __future__ import annotations

import os
from pathlib import Path

from litesmith import graph as graphs
from litesmith.errors import InputError
from litesmith.forge.artifact import check_destination, write_files
from litesmith.forge.c_array import c_array_files, header_of
from litesmith.snippets import find_language, render, view_of


def run(file: Path, language: str, c_array: str | Path | None = None) -> str:
    """Return the code; with `c_array` the file is written as C++ source too.

    Raises:
        InputError: no such file or language, or `c_array` cannot be written.
        LoadError: the file is damaged.
        ConversionError: the language's runtime cannot run it.
    """
    chosen = find_language(language)
    header = header_of(c_array)
    model = _read(file)
    graph = graphs.read(model)
    array = Path(c_array or file.with_suffix(".cc"))
    code = render(view_of(graph, file.name), chosen, array.stem)
    if header is not None:
        check_destination(array, "--c-array")
        write_files(c_array_files(array, model, graph))
    return code


def save(code: str, output: Path, file: Path) -> None:
    """Write the code.

    Raises:
        InputError: it cannot be written, or it is the file that the code is for.
    """
    if os.path.realpath(output) == os.path.realpath(file):
        raise InputError(f"-o {output} is the .tflite itself.", "Choose another name.")
    check_destination(output, "-o")
    write_files({output: code.encode()})


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except IsADirectoryError as error:
        raise InputError(f"{file} is a folder.", "Name a .tflite file.") from error
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise InputError(f"{file} cannot be read: {reason}.") from error
