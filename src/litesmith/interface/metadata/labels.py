"""Labels and vocabularies: one per line, in the order of the model's classes or token numbers."""

from __future__ import annotations

from pathlib import Path

from litesmith.errors import InputError


def read_labels(path: Path, option: str = "--labels") -> tuple[str, ...]:
    """Return the names of classes, one per line; empty lines at the end do not count.

    Args:
        path: a text file in UTF-8, with or without a byte order mark.
        option: where the user named it.

    Raises:
        InputError: unreadable, no text, empty, or an empty line among others.
    """
    labels = [line.strip() for line in _lines(path, option)]
    if "" in labels:
        raise InputError(
            f"{option} {path}: line {labels.index('') + 1} is empty.",
            "Every line is a class; give one that has no name something like 'unused'.",
        )
    return tuple(labels)


def read_vocabulary(path: Path, option: str = "--vocabulary") -> tuple[str, ...]:
    """Return tokens in the order of their numbers: one per line, or `token number` per line.

    Raises:
        InputError: as `read_labels`; a token twice, or numbers that are not 0, 1, 2, ….
    """
    lines = _lines(path, option)
    parts = [line.rsplit(" ", 1) for line in lines]
    if all(len(p) == 2 and p[1].isdecimal() for p in parts):
        numbered = sorted((int(number), token) for token, number in parts)
        if [number for number, _ in numbered] != list(range(len(numbered))):
            raise InputError(f"{option} {path}: its numbers are not 0 to {len(numbered) - 1}.")
        lines = [token for _, token in numbered]
    first: dict[str, int] = {}
    for number, token in enumerate(lines):
        if first.setdefault(token, number) != number:
            raise InputError(
                f"{option} {path}: the token '{token}' has the numbers {first[token]} and {number}."
            )
    return tuple(lines)


def _lines(path: Path, option: str) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{option} {path} is not text in UTF-8.") from error
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise InputError(f"{option} {path} cannot be read: {reason}.") from error
    # Not splitlines: a token may hold what Unicode calls a line separator.
    lines = text.rstrip().split("\n")
    if not any(lines):
        raise InputError(f"{option} {path} is empty.", "Write one name per line.")
    return lines
