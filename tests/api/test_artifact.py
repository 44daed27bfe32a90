from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from litesmith.errors import InputError
from litesmith.forge import artifact
from litesmith.forge.artifact import check_destination, write_files


@pytest.fixture(params=["without a name", "portable"])
def way(request, monkeypatch):
    if request.param == "portable":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return request.param


def test_files_are_written_and_nothing_else(tmp_path, way):
    write_files({tmp_path / "a": b"one", tmp_path / "b": b"two"})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"one", "b": b"two"}


def test_what_was_there_is_replaced(tmp_path, way):
    (tmp_path / "a").write_bytes(b"a longer old one")
    write_files({tmp_path / "a": b"new"})
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"new"]


def test_permissions_follow_the_umask(tmp_path, way):
    before = os.umask(0o027)
    try:
        write_files({tmp_path / "a": b"x"})
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_stays_one(tmp_path, way):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_files({tmp_path / "link": b"new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_when_one_file_cannot_be_written_none_is(tmp_path, way):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(InputError, match="cannot be written"):
        write_files({tmp_path / "a": b"new", tmp_path / "missing" / "b": b"two"})
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"old")]


def test_an_interrupt_while_writing_leaves_nothing(tmp_path, way, monkeypatch):
    def interrupted(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:2])
        raise KeyboardInterrupt

    monkeypatch.setattr(artifact, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_files({tmp_path / "a": b"new"})
    assert list(tmp_path.iterdir()) == []


_LIMITED = """
import resource, sys
from pathlib import Path
from litesmith.errors import InputError
from litesmith.forge.artifact import write_files
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    write_files({Path(sys.argv[1]): b"x" * 5000})
except InputError as error:
    print(error.message)
"""


def test_a_file_that_grows_too_large_leaves_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    words = [sys.executable, "-c", _LIMITED, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (
        done.stdout == f"{path} cannot be written: the file would be larger than is allowed here.\n"
    )
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"old")]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000  # the limit was the child's


def test_a_full_disk_is_one_sentence(tmp_path, way, monkeypatch):
    def full(descriptor: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifact, "_write", full)
    with pytest.raises(InputError, match="there is no space left on the device"):
        write_files({tmp_path / "a": b"new"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder"),
        ("pipe", "is not a regular file"),
        ("missing/a", "there is no folder"),
        ("a" * 300, "the name is too long"),
    ],
)
def test_destinations_that_cannot_work_are_told_early(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=message):
        check_destination(tmp_path / name, "-o")


def test_trying_a_destination_leaves_no_trace(tmp_path, way):
    check_destination(tmp_path / "a", "-o")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(InputError, match="permission is denied"):
            check_destination(Path(tmp_path / "a"), "-o")
    finally:
        tmp_path.chmod(0o755)
