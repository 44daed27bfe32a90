"""The parent's end of a child process: start, ask, time out, explain a death."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litesmith.children import protocol, workdir
from litesmith.errors import LitesmithError

Phase = tuple[str, type[LitesmithError]]


@dataclass(frozen=True)
class Program:
    """What a child runs.

    Attributes:
        module: started as `python -m MODULE WORK_DIR LIFE_FD`.
        what: the thing that is closed when the child is, for sentences ("source").
        phases: request → what it is doing, for sentences, and the error that its failure is; the
            first one's error is also that of a start that fails.
    """

    module: str
    what: str
    phases: Mapping[str, Phase]


_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "GRPC_VERBOSITY": "ERROR",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONUNBUFFERED": "1",
}


class Child:
    """A running child; requests may come from several threads and are answered in order.

    Args:
        program: what it runs.
        time_limit_s: seconds until one request is given up, None for never.
        on_progress: called with what the child tells of a request, from the reading thread.
    """

    def __init__(
        self, program: Program, time_limit_s: float | None, on_progress: Callable[[Any], None]
    ) -> None:
        self._program = program
        self._limit = time_limit_s
        self._on_progress = on_progress
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._log: str | None = None
        self.work = workdir.create()
        try:
            self._process, self._alive = _start(program.module, self.work)
        except OSError as error:
            self.work.remove()
            doing, failure = next(iter(program.phases.values()))
            raise failure(f"The process {doing} cannot be started: {error}.") from error
        self._reader = threading.Thread(target=self._read, name="litesmith-child", daemon=True)
        self._reader.start()

    def submit(self, do: str, **args: Any) -> Future[dict[str, Any]]:
        """Send a request; the future holds the reply or nothing but `_DiedError`."""
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            number = next(self._ids)
            self._waiting[number] = future
            try:
                assert self._process.stdin is not None
                protocol.send(self._process.stdin, {"id": number, "do": do, "args": args})
            except (OSError, ValueError):
                future.set_exception(_DiedError())
                self._waiting.pop(number, None)
        return future

    def wait(self, do: str, future: Future[dict[str, Any]]) -> dict[str, Any]:
        """Return the reply of a submitted request.

        Raises:
            InputError, LoadError, ConversionError: what the child said, or why it could not.
        """
        doing, failure = self._program.phases[do]
        try:
            reply = future.result(self._limit)
        except FutureTimeoutError:
            log = self._keep_log()
            self.close()
            hint = "Raise the time limit if the model is that large."
            raise failure(f"After {self._limit:g} s {doing} was given up.", hint, log) from None
        except _DiedError:
            if self._alive < 0:
                raise failure(f"The {self._program.what} was closed while {doing}.") from None
            log = self._keep_log()
            why, hint = self._cause_of_death()
            self.close()
            raise failure(f"The process {doing} {why}.", hint, log) from None
        if "error" in reply:
            log = self._keep_log() if reply["error"]["log"] else None
            raise protocol.error_from_json(reply["error"], log)
        result: dict[str, Any] = reply["ok"]
        return result

    def request(self, do: str, **args: Any) -> dict[str, Any]:
        """Send a request and return its reply; raises as `wait`."""
        return self.wait(do, self.submit(do, **args))

    def close(self) -> None:
        """End the child and remove everything it left; may be called twice."""
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Its own session: helpers that third parties started go with it.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._reader is not threading.current_thread():
            self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()
        self.work.remove()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "progress" in message:
                self._tell(message["progress"])
                continue
            with self._lock:
                future = self._waiting.pop(message["id"], None)
            if future is not None:
                future.set_result(message)
        self._fail(_DiedError())

    def _tell(self, progress: Any) -> None:
        try:
            self._on_progress(progress)
        except BaseException as error:  # of the listener: raised where its reply is awaited
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            orphans, self._waiting = list(self._waiting.values()), {}
        for future in orphans:
            future.set_exception(error)

    def _keep_log(self) -> str | None:
        if self._log is None and self.work.lock >= 0:
            self._log = workdir.keep_log(self.work.log)
        return self._log

    def _cause_of_death(self) -> tuple[str, str]:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "stopped answering", ""
        if code >= 0:
            return f"ended with exit code {code}", "The log has the details."
        hint = "The log has the details."
        if -code == signal.SIGKILL:
            hint = "Most likely the memory ran out; close other programs or use a larger machine."
        if -code == signal.SIGALRM:
            hint = "The file is damaged; copy or save it again."
            return "was ended because the file's structure has no end", hint
        name = signal.Signals(-code).name
        return f"was ended by signal {-code} ({name})", hint


class _DiedError(Exception):
    """The child ended before it replied."""


def _search_path() -> dict[str, str]:
    """Return the environment by which the child finds this package when it is not installed."""
    root = str(Path(__file__).parents[2])
    if root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def _start(module: str, work: workdir.WorkDir) -> tuple[subprocess.Popen[str], int]:
    """Start the child; return it and the descriptor whose closing tells its guard of our death."""
    environment = {
        **os.environ,
        **_ENVIRONMENT,
        **_search_path(),
        "TMPDIR": str(work.path),
        "KERAS_HOME": str(work.path / "keras"),  # neither read nor leave the user's settings
    }
    life, alive = os.pipe()
    try:
        with work.log.open("wb") as log:
            process = subprocess.Popen(
                # -P: a file called keras.py in the current folder must not be imported.
                [sys.executable, "-P", "-m", module, str(work.path), str(life)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
                encoding="utf-8",
                pass_fds=(life, work.lock),
                start_new_session=True,
            )
    except BaseException:
        os.close(alive)
        raise
    finally:
        os.close(life)
    return process, alive
