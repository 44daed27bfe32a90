"""`litesmith kernels`: what LiteRT's kernels cost in each form of weights, recorded or measured."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from litesmith.errors import InputError, LoadError
from litesmith.forge.machine import this_machine
from litesmith.forge.options import Listener
from litesmith.graph import Array
from litesmith.measure import measure_latency
from litesmith.quantize.kernel_files import (
    CASES,
    FORMS,
    Case,
    Form,
    KernelFile,
    kernel_file,
)
from litesmith.quantize.kernel_table import SOURCE, recorded
from litesmith.report import KernelRow, KernelsReport
from litesmith.report.version import __version__
from litesmith.runtime import Session

# Relative to the largest result; 4 bits on each side stay far below.
_WRONG = 0.1


def run(measure: bool, seconds: float, listen: Listener) -> KernelsReport:
    """Return the table, as recorded or measured on this machine and LiteRT.

    Args:
        measure: measure instead of showing what was recorded.
        seconds: for each op, all its forms together, interleaved.
        listen: told the fraction done.

    Raises:
        InputError: `seconds` is not above 0.
    """
    if seconds <= 0:
        raise InputError(f"{seconds:g} is not a number of seconds above 0.")
    started, machine = time.monotonic(), this_machine()
    rows: list[KernelRow] = []
    if measure:
        for done, case in enumerate(CASES):
            listen("measure", done / len(CASES))
            rows += _measured(case, seconds)
    else:
        rows += (_row(case, form, *found) for case, form, found in recorded())
    return KernelsReport(
        litesmith=__version__,
        status="ok",
        error=None,
        measured=measure,
        source=f"LiteRT {machine.litert}, this machine" if measure else SOURCE,
        kernels=tuple(rows),
        machine=machine if measure else None,
        seconds=time.monotonic() - started,
    )


def _row(case: str, form: str, ms: float | None, relative: float | None, defect: str) -> KernelRow:
    return KernelRow(case, form, ms, relative, defect or None)


def _measured(case: Case, seconds: float) -> Iterator[KernelRow]:
    sessions: dict[str, Session] = {}
    defects: dict[str, str] = {}
    for form in FORMS:
        file = kernel_file(case, form)
        if file is None:
            continue
        try:
            sessions[form.name], defects[form.name] = _tried(case, form, file)
        except LoadError as error:
            defects[form.name] = f"refused: {str(error).split(': ', 1)[-1]}"
    runners = {name: s.invoke for name, s in sessions.items()}
    # One thread computes, so its own time is the op's, whatever else the machine is doing.
    found = measure_latency(runners, seconds, time.process_time)
    base = found[FORMS[0].name].value
    for name, defect in defects.items():
        ms = found[name].value if name in found else None
        yield _row(case.name, name, ms, None if ms is None else ms / base, defect)


def _tried(case: Case, form: Form, file: KernelFile) -> tuple[Session, str]:
    """Return the loaded file, its input set, and what is wrong with its answer."""
    session = Session(file.model)
    answer = _answer(session, file)
    exact = kernel_file(case, FORMS[0], numbers=form)
    assert exact is not None
    wanted = _answer(Session(exact.model), exact)
    if not np.isfinite(answer).all():
        return session, "answers NaN or infinity"
    error = float(np.abs(answer - wanted).max() / np.abs(wanted).max())
    return session, f"wrong by {error:.0%} of the largest result" if error > _WRONG else ""


def _answer(session: Session, file: KernelFile) -> Array:
    session.feed([file.fed])
    session.invoke()
    return np.asarray(session.fetch()[0] * np.float32(file.scale), np.float32)
