"""What is known so far in a run: it becomes the report, also of a run that fails half-way."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from litesmith.errors import BudgetError, LitesmithError
from litesmith.graph.step import Notice
from litesmith.report import Report, Warn


class Ledger:
    """Collects the parts of a `Report` as they become known."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._warnings: list[Warn] = []
        self._started = time.monotonic()

    def note(self, **parts: Any) -> None:
        """Set fields of the report."""
        self._report = replace(self._report, **parts)

    def warn(self, notices: Iterable[Notice]) -> None:
        """Add warnings, each once."""
        for notice in notices:
            warning = Warn(notice.code, notice.message, notice.hint)
            if warning not in self._warnings:
                self._warnings.append(warning)

    def withdraw(self, notices: Iterable[Notice]) -> None:
        """Take warnings back that are true no more."""
        gone = [Warn(notice.code, notice.message, notice.hint) for notice in notices]
        self._warnings = [warning for warning in self._warnings if warning not in gone]

    def forget(self, codes: Collection[str]) -> None:
        """Take all warnings with these codes back."""
        self._warnings = [warning for warning in self._warnings if warning.code not in codes]

    @property
    def report(self) -> Report:
        """The report as far as it is known."""
        return self._report

    def finish(self, status: str = "ok", error: LitesmithError | None = None) -> Report:
        """Return the final report."""
        return replace(
            self._report,
            status=status,
            error=None if error is None else error.as_json(),
            seconds=time.monotonic() - self._started,
            warnings=tuple(self._warnings),
        )

    def attach(self, error: LitesmithError) -> None:
        """Let an error carry the report of what was known when it happened."""
        status = "rejected" if isinstance(error, BudgetError) else "failed"
        error.report = self.finish(status, error)
