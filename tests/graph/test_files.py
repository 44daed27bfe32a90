"""Files behind the flatbuffer survive, and a hostile tail is no file."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, read, write
from litesmith.graph.files import attach, attached
from litesmith.runtime import Session
from tests.support.compare import assert_same_graph
from tests.support.graphs import Builder, const

_LABELS = ("labels.txt", b"cat\ndog\n")


def _graph() -> Graph:
    builder = Builder()
    x = builder.input((1, 4))
    return builder.graph(builder.op("ADD", x, const([1.0, 2.0, 3.0, 4.0])))


_MODEL = write(_graph())


def _zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_files_survive_reading_and_writing() -> None:
    graph = _graph().with_(files=(_LABELS, ("vocab.txt", b"")))
    data = write(graph)
    assert data.startswith(_MODEL)
    assert_same_graph(read(data), graph)
    assert write(read(data)) == data


def test_runtime_does_not_see_them() -> None:
    x = np.ones((1, 1, 4), np.float32)
    with_files = Session(write(_graph().with_(files=(_LABELS,))))
    assert np.array_equal(with_files.run([x])[0], Session(_MODEL).run([x])[0])


def test_other_zip_readers_see_them() -> None:
    data = attach(_MODEL, (_LABELS,))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt") == _LABELS[1]
        assert archive.getinfo("labels.txt").compress_type == zipfile.ZIP_STORED
        # The local header is where the directory says, counted from the file's start: what
        # readers that do not look for bytes in front of an archive need.
        offset = archive.getinfo("labels.txt").header_offset
    assert data[offset : offset + 4] == b"PK\x03\x04"


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(
            lambda n: "\0" not in n and not n.endswith("/") and n.isprintable()
        ),
        st.binary(max_size=300),
        max_size=5,
    )
)
def test_round_trip(files: dict[str, bytes]) -> None:  # fmt: skip
    listed = tuple(files.items())
    data = attach(_MODEL, listed)
    assert attached(data) == listed
    assert attach(_MODEL, listed) == data


def test_archives_of_other_tools_are_read() -> None:
    # Deflated, and with offsets that count from the archive's own start.
    data = _MODEL + _zipped({"a/labels.txt": b"x" * 1000, "dir/": b""}, zipfile.ZIP_DEFLATED)
    assert attached(data) == (("a/labels.txt", b"x" * 1000),)


def test_last_of_two_members_counts() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("labels.txt", b"old")
        archive.writestr("labels.txt", b"new")
    assert attached(_MODEL + target.getvalue()) == (("labels.txt", b"new"),)


def test_no_archive() -> None:
    assert attached(_MODEL) == ()
    assert attached(b"") == ()


def test_a_weight_that_ends_like_an_archive_is_kept() -> None:
    fake_end = b"PK\x05\x06" + bytes(18)
    assert attached(_MODEL + fake_end) == ()
    data = attach(_MODEL + fake_end, (_LABELS,))
    assert data.startswith(_MODEL + fake_end)
    assert attached(data) == (_LABELS,)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = _zipped({"labels.txt": bytes(70 * 2**20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2**20
    assert attached(_MODEL + bomb) == ()


def test_a_lie_about_the_size_is_no_file() -> None:
    honest = _zipped({"labels.txt": bytes(1000)}, zipfile.ZIP_DEFLATED)
    directory = honest.index(b"PK\x01\x02")
    lie = honest[: directory + 24] + struct.pack("<I", 10) + honest[directory + 28 :]
    assert attached(_MODEL + lie) == ()


@pytest.mark.parametrize("position", range(0, 130, 3))
def test_damage_is_no_file_or_the_file(position: int) -> None:
    whole = bytearray(_zipped({"labels.txt": b"cat\n"}))
    whole[position % len(whole)] ^= 0xFF
    for files in (attached(_MODEL + bytes(whole)), attached(_MODEL + bytes(whole[:position]))):
        assert len(files) <= 1


def test_reading_a_model_never_fails_for_its_tail() -> None:
    broken = _zipped({"labels.txt": b"cat\n"})[:-30] + b"PK\x05\x06" + bytes([255] * 18)
    assert read(_MODEL + broken).files == ()
