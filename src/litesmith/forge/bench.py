"""Files side by side: size and latency."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from litesmith import graph as graphs
from litesmith.errors import InputError, LoadError
from litesmith.forge import prove
from litesmith.forge.compare import real_graph
from litesmith.forge.machine import this_machine
from litesmith.forge.options import Listener
from litesmith.forge.synthetic import generate
from litesmith.graph.flex import flex_ops
from litesmith.measure import measure_size
from litesmith.report import BenchReport, BenchRow
from litesmith.report.version import __version__
from litesmith.runtime import Session
from litesmith.sources import open_source


def run(files: Sequence[Path], threads: int, seconds: float, listen: Listener) -> BenchReport:
    """Measure .tflite files, interleaved.

    Raises:
        InputError: a file is missing or no .tflite, named twice, or an option makes no sense.
        LoadError: a file is damaged, LiteRT refuses it, or it needs TensorFlow's kernels.
    """
    started = time.monotonic()
    _check(files, threads, seconds)
    listen("load", None)
    models = _probed(files)
    listen("measure", None)
    names = [str(file) for file in files]
    sessions = {name: Session(m, threads) for name, m in zip(names, models, strict=True)}
    found = prove.latencies(
        {
            name: (sessions[name], next(generate(real_graph(graphs.read(model)), 1, 0).batches(1)))
            for name, model in zip(names, models, strict=True)
        },
        seconds,
    )
    rows = []
    for name, model in zip(names, models, strict=True):
        size, time_ = measure_size(model), found[name]
        rows.append(BenchRow(name, size.raw_bytes, size.gzip_bytes, time_.value, time_.spread))
    return BenchReport(
        litesmith=__version__,
        status="ok",
        error=None,
        files=tuple(rows),
        runs=min(one.n for one in found.values()),
        threads=threads,
        machine=this_machine(),
        seconds=time.monotonic() - started,
    )


def _check(files: Sequence[Path], threads: int, seconds: float) -> None:
    if not files:
        raise InputError("No file was named.", "litesmith bench A.tflite B.tflite")
    if threads < 1:
        raise InputError(f"--threads {threads} is not a number of at least 1.")
    if seconds <= 0:
        raise InputError(f"{seconds:g} is not a number of seconds above 0.")
    for place, file in enumerate(files):
        if file in files[:place]:
            raise InputError(f"{file} is named twice.")


def _probed(files: Sequence[Path]) -> list[bytes]:
    """Return the files' bytes; each was loaded in a child first, where a crash does no harm."""
    with ExitStack() as stack:
        opened = [stack.enter_context(open_source(file)) for file in files]
        for file, source in zip(files, opened, strict=True):
            if source.info.format != "tflite":
                raise InputError(
                    f"{file} is not a .tflite.", f"litesmith export {file} -o {file.stem}.tflite"
                )
        models = [source.lower() for source in opened]
    for file, model in zip(files, models, strict=True):
        found = flex_ops(graphs.read(model))
        if found:
            raise LoadError(
                f"{file} cannot be timed: it needs TensorFlow's own kernels ({', '.join(found)}), "
                "which the LiteRT here does not have.",
                "Time it in an application that links the select-TF runtime "
                "(tensorflow-lite-select-tf-ops); `litesmith compare` checks its values here.",
            )
    return models
