"""Files that appear whole or not at all.

On Linux the bytes go into a file without a name (O_TMPFILE), which is linked into place when all
files of a run are complete: kill -9 or a full disk before that leaves nothing. Elsewhere a
temporary file in the same folder is renamed, and removed on any error.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from litesmith.errors import InputError

_REASONS = {
    errno.ENOSPC: "there is no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.ENAMETOOLONG: "the name is too long",
}


def check_destination(path: Path, option: str) -> None:
    """Find out before any work whether `path` can be written.

    Raises:
        InputError: its folder is missing or not writable, or something else is there.
    """
    try:
        _refuse_misplaced(path, option)
        _Staged(path, b"\0").discard()
    except OSError as error:
        raise _unwritable(path, error) from error


def _refuse_misplaced(path: Path, option: str) -> None:
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder.", f"Name a file: {path / 'model.tflite'}.")
    if path.exists() and not path.is_file():
        raise InputError(f"{option} {path} is not a regular file.")
    if not path.parent.is_dir():
        raise InputError(
            f"{option} {path}: there is no folder {path.parent}.", f"mkdir -p {path.parent}"
        )


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write all files or none, replacing what is there.

    Raises:
        InputError: the disk is full, or the folder is not writable; nothing was changed.
    """
    with ExitStack() as stack:
        staged = []
        for path, data in files.items():
            try:
                one = _Staged(path, data)
            except OSError as error:
                raise _unwritable(path, error) from error
            stack.callback(one.discard)
            staged.append(one)
        for one in staged:
            try:
                one.commit()
            except OSError as error:
                raise _unwritable(one.path, error) from error


class _Staged:
    """Bytes on the disk, not yet under their name."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self._target = Path(os.path.realpath(path))  # a symbolic link stays one
        self._temporary: Path | None = None
        self._descriptor = self._open()
        try:
            _write(self._descriptor, data)
        except BaseException:
            self.discard()
            raise

    def _open(self) -> int:
        flag = getattr(os, "O_TMPFILE", None)
        if flag is not None:
            with suppress(OSError):  # not every file system can
                return os.open(self._target.parent, flag | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        self._temporary = self._free_name()
        return os.open(self._temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)

    def _free_name(self) -> Path:
        return self._target.with_name(f".{self._target.name[:64]}.{secrets.token_hex(6)}.tmp")

    def commit(self) -> None:
        """Give the file its name, replacing what has it."""
        if self._temporary is None:
            name = self._free_name()
            folder = os.open(self._target.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                # With a folder's descriptor Python calls linkat, which follows the link in /proc.
                os.link(f"/proc/self/fd/{self._descriptor}", name.name, dst_dir_fd=folder)
            finally:
                os.close(folder)
            self._temporary = name
        os.replace(self._temporary, self._target)
        self._temporary = None

    def discard(self) -> None:
        """Forget what was not committed; may be called after `commit`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _unwritable(path: Path, error: OSError) -> InputError:
    reason = _REASONS.get(error.errno or 0) or (error.strerror or type(error).__name__).lower()
    return InputError(f"{path} cannot be written: {reason}.", "Nothing was changed.")
