"""Files that ride behind a .tflite's flatbuffer: labels, vocabularies, as a zip archive.

TFLite metadata's convention: the archive is appended, its members are stored, and readers of either
part do not see the other (a flatbuffer is read from its front, a zip from its end).
"""

from __future__ import annotations

import io
import zipfile
import zlib

Files = tuple[tuple[str, bytes], ...]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say: the same files give the same bytes
_MODE = 0o644 << 16
_UNIX = 3
# Labels and vocabularies have kilobytes; a member that claims more than this is no such file.
_LARGEST_BYTES = 64 * 2**20
_MOST = 1000
# What zipfile raises on bytes that are not quite an archive.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    OSError,
    OverflowError,
    RuntimeError,  # encrypted; NotImplementedError: an unknown compression
    UnicodeError,
    ValueError,
)


def attached(data: bytes) -> Files:
    """Return the files behind a .tflite's flatbuffer, in the archive's order.

    A tail that is no readable archive holds no files: bytes of a weight can look like one's end.
    Of two members of a name the last counts, as in every zip reader. Nothing is unpacked to disk.

    Args:
        data: the whole .tflite file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _members(archive)
    except _DAMAGE:
        return ()


def attach(model: bytes, files: Files) -> bytes:
    """Return the .tflite with files appended; the same files give the same bytes."""
    if not files:
        return model
    # Not mode "a": that overwrites what it takes for an archive's end, weights included.
    target = io.BytesIO()
    target.write(model)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in dict(files).items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system, member.external_attr = _UNIX, _MODE
            archive.writestr(member, content)
    return target.getvalue()


def _members(archive: zipfile.ZipFile) -> Files:
    listed = [member for member in archive.infolist() if not member.is_dir()]
    if len(listed) > _MOST or sum(member.file_size for member in listed) > _LARGEST_BYTES:
        return ()
    found: dict[str, bytes] = {}
    for member in listed:
        with archive.open(member) as stream:
            # A header may lie about the size: never unpack more than it says.
            content = stream.read(member.file_size + 1)
        if len(content) != member.file_size:
            return ()
        found[member.filename] = content
    return tuple(found.items())
