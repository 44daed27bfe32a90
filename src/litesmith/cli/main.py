"""The process's way in and out: streams, failures, exit codes."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any

from litesmith.cli.streams import Streams, open_streams
from litesmith.errors import InternalError, LitesmithError

_INTERRUPTED = 130
_HELP = frozenset({"--help", "-h", "--version", "--install-completion", "--show-completion"})


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; return the process's exit code."""
    given = list(sys.argv[1:] if args is None else args)
    if not given or _HELP & set(given):
        with tempfile.TemporaryFile() as log:
            return _guarded(given or ["--help"], Streams(sys.stdout, sys.stderr, log))
    with open_streams() as streams:
        return _guarded(given, streams)


def _guarded(args: list[str], streams: Streams) -> int:
    try:
        return _run(args, streams)
    except LitesmithError as error:
        return _fail(error, args, streams)
    except KeyboardInterrupt:
        print("Interrupted; nothing was written.", file=streams.words)
        return _INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # Whoever read the results has seen enough (`| head`); typer exits on the broken pipe.
        return 0
    except MemoryError:
        return _fail(
            InternalError("There is not enough memory.", "Use fewer or smaller examples."),
            args,
            streams,
        )
    except Exception as error:  # the last guard: a defect of ours, whatever it is
        log = streams.keep_log(traceback.format_exc())
        text = " ".join(str(error).split())[:200]
        defect = InternalError(
            f"litesmith itself failed ({type(error).__name__}{': ' if text else ''}{text}).",
            "Please report this, with the log.",
            log,
        )
        return _fail(defect, args, streams)


def _run(args: list[str], streams: Streams | None = None) -> int:
    """Parse and run; usage errors become `InputError`."""
    from litesmith.cli.app import command

    try:
        result: Any = command()(args, prog_name="litesmith", standalone_mode=False, obj=streams)
    except Exception as error:
        if type(error).__name__ == "Abort":
            raise KeyboardInterrupt from error
        if not hasattr(error, "format_message"):
            raise
        from litesmith.cli.usage import usage_error

        raise usage_error(error, args) from None
    if result == _INTERRUPTED:  # what typer makes of a KeyboardInterrupt
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


def _fail(error: LitesmithError, args: list[str], streams: Streams) -> int:
    from litesmith.cli.failure import print_failure

    print_failure(error, streams, args)
    return error.exit_code
