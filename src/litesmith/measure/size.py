"""What a file costs to store and to download."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Size of a file.

    Attributes:
        raw_bytes: as stored.
        gzip_bytes: after gzip at level 9, without a time stamp.
        sha256: hexadecimal digest of the file.
    """

    raw_bytes: int
    gzip_bytes: int
    sha256: str


def measure_size(data: bytes) -> Size:
    """Return the sizes and the digest of a file's bytes; the same for the same bytes."""
    compressed = gzip.compress(data, compresslevel=9, mtime=0)
    return Size(len(data), len(compressed), hashlib.sha256(data).hexdigest())
