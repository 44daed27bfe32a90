"""The one tree of errors; each leaf is one exit code of the command line.

    LitesmithError
    ├── InternalError       1   a defect of litesmith itself
    ├── InputError          2   bad input or option
    ├── LoadError           3   the model cannot be loaded
    ├── ConversionError     4   the model cannot be converted for this target
    └── BudgetError         5   a budget or tolerance was not met
"""

from __future__ import annotations

from typing import Any, ClassVar


class LitesmithError(Exception):
    """One clear sentence, a hint that leads on, and the log that holds the details.

    Attributes:
        message: what happened, one sentence.
        hint: what the user can do about it ("" when there is nothing to add).
        log: path of a log file with third-party output, or None.
        report: what was known when it happened (a `litesmith.report.Report`), or None.
        code: stable identifier used in JSON.
        exit_code: process exit code.
    """

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "", log: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log
        self.report: Any = None

    def as_json(self) -> dict[str, str | None]:
        """Return the `error` object of the JSON contract."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "log": self.log}


class InternalError(LitesmithError):
    """A defect of litesmith: an invariant that its own code broke."""


class InputError(LitesmithError):
    """A file, data set, option or destination that the user gave cannot be used."""

    code = "bad_input"
    exit_code = 2


class LoadError(LitesmithError):
    """The source model cannot be loaded."""

    code = "load_failed"
    exit_code = 3


class ConversionError(LitesmithError):
    """The source model was loaded but cannot be converted for this target."""

    code = "conversion_failed"
    exit_code = 4


class BudgetError(LitesmithError):
    """The best file found misses a budget or tolerance; it is kept as `*.rejected.tflite`."""

    code = "budget_missed"
    exit_code = 5
