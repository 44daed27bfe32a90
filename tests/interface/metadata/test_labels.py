"""Files of names: one per line, and what is unclear is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from litesmith.errors import InputError
from litesmith.interface.metadata import read_labels, read_vocabulary


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "names.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content", [b"cat\ndog", b"cat\r\ndog\r\n\r\n", b"\xef\xbb\xbfcat\n dog \n\n\n"]
)
def test_one_per_line(tmp_path: Path, content: bytes) -> None:
    assert read_labels(_file(tmp_path, content)) == ("cat", "dog")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_what_is_unclear_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_labels(_file(tmp_path, content))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_labels(tmp_path / "labels.txt")


def test_vocabulary_with_and_without_numbers(tmp_path: Path) -> None:
    plain = read_vocabulary(_file(tmp_path, b"<PAD>\n<UNKNOWN>\ngood\n"))
    numbered = read_vocabulary(_file(tmp_path, b"good 2\n<PAD> 0\n<UNKNOWN> 1\n"))
    assert plain == numbered == ("<PAD>", "<UNKNOWN>", "good")


def test_vocabulary_that_is_unclear(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'a' has the numbers 0 and 2"):
        read_vocabulary(_file(tmp_path, b"a\nb\na\n"))
    with pytest.raises(InputError, match="not 0 to 1"):
        read_vocabulary(_file(tmp_path, b"a 0\nb 2\n"))
