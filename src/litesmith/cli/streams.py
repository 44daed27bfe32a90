"""What goes where: results, words, and the noise of native libraries.

LiteRT and XNNPACK write "INFO: …" to file descriptor 2 and user code prints to stdout. Neither may
reach the terminal or spoil a JSON document, so descriptors 1 and 2 are pointed at a log without a
name (nothing is left behind, even after kill -9); litesmith writes to duplicates of the real ones.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO


@dataclass(frozen=True)
class Streams:
    """Where a verb writes.

    Attributes:
        results: the real stdout: a table or one JSON document, nothing else.
        words: the real stderr: progress, warnings, errors.
        log: what native code printed; not on disk under a name.
    """

    results: TextIO
    words: TextIO
    log: BinaryIO

    def keep_log(self, text: str) -> str | None:
        """Store the log, `text` (a traceback) at its end, with the other logs; return its path."""
        from litesmith.children.workdir import keep_log

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "litesmith.log"
            self.log.seek(0)
            path.write_bytes(self.log.read() + b"\n" + text.encode(errors="replace"))
            return keep_log(path)


@contextmanager
def open_streams() -> Iterator[Streams]:
    """Redirect descriptors 1 and 2 to a log while the body runs."""
    sys.stdout.flush()
    sys.stderr.flush()
    real = os.dup(1), os.dup(2)
    before = sys.stdout, sys.stderr
    with tempfile.TemporaryFile() as log, _text(real[0]) as results, _text(real[1]) as words:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        # What Python code of the user prints is words, not results.
        sys.stdout = sys.stderr = words
        try:
            yield Streams(results, words, log)
        finally:
            sys.stdout, sys.stderr = before
            with suppress(OSError, ValueError):
                words.flush()
            os.dup2(real[0], 1)
            os.dup2(real[1], 2)


@contextmanager
def _text(descriptor: int) -> Iterator[TextIO]:
    stream = os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="replace")
    try:
        yield stream
    finally:
        with suppress(OSError):  # a reader that went away (`| head`) has seen enough
            stream.close()
