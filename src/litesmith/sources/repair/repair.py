"""What a repair is: a pure function of a stored configuration that says what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]
_NAMED = 3


@dataclass(frozen=True)
class Repair:
    """One known defect of stored configurations.

    Attributes:
        name: what is repaired, in words of the file.
        says: a sentence without full stop; the places that were changed follow it in brackets.
        fix: changes a configuration *that is its own to change* where the defect is found;
            returns the names of the places (layers) that it changed, none when there is no defect.
        keras: which Keras trips over it.
    """

    name: str
    says: str
    fix: Callable[[Config], Iterable[str]]
    keras: tuple[str, ...] = ("keras", "tf_keras")

    def __call__(self, config: Config) -> str | None:
        """Repair in place; return the sentence that tells it, None when nothing was to repair."""
        places = list(dict.fromkeys(self.fix(config)))
        return told(self.says, places) if places else None


def told(says: str, places: list[str]) -> str:
    """Return the sentence with the first few places."""
    rest = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return f"{says} ({', '.join(places[:_NAMED])}{rest})."
