"""Opens damaged files the way the child does, many per process, and judges what comes of each.

A main process imports TensorFlow and both Keras once, runs nothing, and forks a worker per batch
of files. The worker calls the child's own `answer(requests, message)`; the main process does what
the parent would: `detect`. A worker that dies is what the parent would report in one sentence;
only the main process, tracebacks, hangs and wrong answers count as defects.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import os
import random
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.children.serve import answer
from litesmith.errors import LitesmithError
from litesmith.sources import LoadOptions, deadline
from litesmith.sources.child import Worker, requests
from litesmith.sources.detect import SourceFormat, detect
from litesmith.sources.source import open_arguments
from tests.sources.fuzz import mutations, originals

FINE = ("ok", "LoadError", "InputError", "ConversionError")
_TOLERANCE = 1e-3
_MUTATE: dict[str, Callable[[bytes, random.Random], tuple[str, bytes]]] = {
    "keras": mutations.mutate_keras,
    "keras_old": mutations.mutate_keras,
    "h5": mutations.mutate_hdf5,
    "h5_old": mutations.mutate_hdf5,
    "pb": mutations.mutate_graph,
    "tflite": mutations.mutate_tflite,
}


@dataclass(frozen=True)
class Result:
    """What came of one damaged file.

    Attributes:
        form: format.
        index: with the seed, names the file.
        how: what was damaged.
        outcome: "ok", the kind of error, "died SIGNAL", "hang" or "defect".
        message: the sentence, or what is wrong.
        same: for "ok": it answers as the undamaged model does.
        seconds: it took.
    """

    form: str
    index: int
    how: str
    outcome: str
    message: str
    same: bool | None
    seconds: float

    @property
    def defect(self) -> bool:
        """Nothing that a user may ever see."""
        return self.outcome not in FINE and not self.outcome.startswith("died")


def damaged(form: str, original: Path, index: int, seed: int, folder: Path) -> tuple[Path, str]:
    """Write the damaged file of a number; return its path and what was done."""
    rng = random.Random(f"{form}/{seed}/{index}")
    target = folder / f"{index}" / original.name
    if original.is_dir():
        shutil.copytree(original, target)
        return target, mutations.mutate_saved_model(target, rng)
    target.parent.mkdir(parents=True, exist_ok=True)
    how, data = _MUTATE[form](original.read_bytes(), rng)
    target.write_bytes(data)
    return target, how


def fuzz(
    form: str, indices: Sequence[int], seed: int, folder: Path, batch: int = 20, limit: float = 60
) -> Iterator[Result]:
    """Yield the result of each damaged file of a format.

    Args:
        form: one of `originals.FORMATS`.
        indices: numbers of the files.
        seed: of all of them.
        folder: scratch.
        batch: files per process (the converter leaks).
        limit: seconds for one file.
    """
    original = _in_fork(lambda: str(originals.make(form, folder / "originals" / form)))
    reference = _in_fork(lambda: _reference(Path(original), folder))
    todo = list(indices)
    while todo:
        part, todo = todo[:batch], todo[batch:]
        done = 0
        for result in _batch(form, Path(original), reference, part, seed, folder, limit):
            done += 1
            yield result
        todo = part[done:] + todo


def _batch(
    form: str,
    original: Path,
    reference: Any,
    indices: Sequence[int],
    seed: int,
    folder: Path,
    limit: float,
) -> Iterator[Result]:
    """Fork a worker for some files; it ends early when one of them kills it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        _quiet(folder / "log")
        deadline.arm()
        code = 1
        try:
            _work(writer, form, original, reference, indices, seed, folder, limit)
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    current, started = indices[0], time.monotonic()
    for line in _lines(reader, limit):
        if line is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            yield Result(
                form, current, _how(form, original, current, seed), "hang", "", None, limit
            )
            return
        message = json.loads(line)
        if "started" in message:
            current, started = message["started"], time.monotonic()
            continue
        current = -1
        yield Result(**message)
    status = os.waitpid(pid, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    if code and current >= 0:
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        seconds = time.monotonic() - started
        how = _how(form, original, current, seed)
        yield Result(form, current, how, f"died {name}", "", None, seconds)


def _work(
    writer: int,
    form: str,
    original: Path,
    reference: Any,
    indices: Sequence[int],
    seed: int,
    folder: Path,
    limit: float,
) -> None:
    """Open one file after the other in the worker; tell of each before and after."""
    with os.fdopen(writer, "w") as out:
        for index in indices:
            out.write(json.dumps({"started": index}) + "\n")
            out.flush()
            faulthandler.dump_traceback_later(limit * 0.8)
            result = _one(form, original, reference, index, seed, folder)
            out.write(json.dumps(asdict(result)) + "\n")
            out.flush()


def _how(form: str, original: Path, index: int, seed: int) -> str:
    return f"seed {seed} index {index}"


def _lines(reader: int, limit: float) -> Iterator[str | None]:
    """Yield lines of a pipe; None when nothing came for too long."""
    buffer = b""
    try:
        while True:
            if not select.select([reader], [], [], limit)[0]:
                yield None
                return
            data = os.read(reader, 1 << 16)
            if not data:
                return
            buffer += data
            *lines, buffer = buffer.split(b"\n")
            yield from (line.decode() for line in lines)
    finally:
        os.close(reader)


def _one(form: str, original: Path, reference: Any, index: int, seed: int, folder: Path) -> Result:
    """Damage, open, convert and run one file."""
    started = time.monotonic()
    path, how = damaged(form, original, index, seed, folder)
    work = path.parent / "work"
    work.mkdir()
    before = _tree(folder / "outside")
    try:
        outcome, message, same = _opened(path, work, reference)
    except LitesmithError as error:
        outcome, message, same = type(error).__name__, error.message, None
    except Exception as error:
        traceback.print_exc()
        outcome, message, same = "defect", f"{type(error).__name__}: {error}", None
    if "Traceback" in message or (not message.isprintable() and len(message.splitlines()) > 6):
        outcome, message = "defect", f"unreadable: {message}"
    if _tree(folder / "outside") != before:
        outcome, message = "defect", "it wrote outside of its work directory"
    shutil.rmtree(path.parent, ignore_errors=True)
    return Result(form, index, how, outcome, message[:400], same, time.monotonic() - started)


def _opened(path: Path, work: Path, reference: Any) -> tuple[str, str, bool | None]:
    """Return the outcome of one file: what the parent would be told."""
    form = detect(path)
    worker = Worker(work, lambda line: None)
    reply = _ask(worker, "open", **open_arguments(path, form, LoadOptions()))
    if "error" in reply:
        return _error(reply)
    info = reply["ok"]
    reply = _ask(worker, "lower")
    if "error" in reply:
        return _error(reply)
    lowered = Path(reply["ok"]["path"]).read_bytes()
    return _judged(worker, lowered, info, form, path, reference)


def _judged(
    worker: Worker, lowered: bytes, info: Any, form: SourceFormat, path: Path, reference: Any
) -> tuple[str, str, bool | None]:
    """Compare the file's answers with the loaded model's, on examples nobody has seen."""
    from litesmith.runtime import Session
    from litesmith.sources.options import specs_from_json
    from litesmith.sources.verify import error

    examples = _examples(specs_from_json(info["inputs"]))
    answers = worker.model.run(examples)
    again = worker.model.run(examples)
    found = Session(lowered).run(examples)
    steady = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(answers, again, strict=True))
    far = [error(a, b) for a, b in zip(answers, found, strict=True)]
    if steady and any(f > _TOLERANCE for f in far):
        return "defect", f"the .tflite answers differently: {far}", None
    if form is SourceFormat.TFLITE:
        _exported(path)
    same = reference is not None and [_digest(a) for a in answers] == reference["answers"]
    content = None if reference is None else reference["content"]
    if not same and content is not None and _content(path) == content:
        return "defect", "the same configuration and weights answer differently", None
    return "ok", "; ".join(info["notes"]), same


def _exported(path: Path) -> None:
    """Take a damaged .tflite through all that the parent does with one."""
    from litesmith.api import export

    for scheme in ("none", "dynamic"):
        export(path, path.parent / f"{scheme}.tflite", quantize=scheme)


def _examples(inputs: Sequence[Any]) -> list[Any]:
    rng = np.random.default_rng(11)
    found = []
    for spec in inputs:
        shape = tuple(3 if size is None else size for size in spec.example_shape)
        dtype = np.dtype(spec.dtype)
        values = (
            rng.normal(size=(3, *shape)) if dtype.kind == "f" else rng.integers(0, 2, (3, *shape))
        )
        found.append(values.astype(dtype))
    return found


def _ask(worker: Worker, do: str, **args: Any) -> dict[str, Any]:
    return json.loads(json.dumps(answer(requests(worker), {"id": 1, "do": do, "args": args})))  # type: ignore[no-any-return]


def _error(reply: dict[str, Any]) -> tuple[str, str, None]:
    error = reply["error"]
    outcome = error["type"] if error["type"] in FINE else "defect"
    return outcome, error["message"], None


def _reference(original: Path, folder: Path) -> Any:
    """Return the undamaged model's answers and content."""
    _quiet(folder / "log")
    work = folder / f"reference-{original.name}"
    work.mkdir()
    worker = Worker(work, lambda line: None)
    reply = _ask(worker, "open", **open_arguments(original, detect(original), LoadOptions()))
    if "error" in reply:
        raise RuntimeError(reply["error"]["message"])
    from litesmith.sources.options import specs_from_json

    answers = worker.model.run(_examples(specs_from_json(reply["ok"]["inputs"])))
    return {"answers": [_digest(a) for a in answers], "content": _content(original)}


def _digest(array: Any) -> str:
    return hashlib.sha256(np.round(np.asarray(array, np.float64), 5).tobytes()).hexdigest()


def _content(path: Path) -> str | None:
    """Return a digest of what a Keras file says, read without Keras; None for other formats."""
    import io
    import zipfile

    import h5py

    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
                weights = io.BytesIO(archive.read("model.weights.h5"))
        elif path.suffix == ".h5":
            weights = io.BytesIO(path.read_bytes())
            with h5py.File(weights, "r") as file:
                config = json.loads(file.attrs["model_config"])
        else:
            return None
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        with h5py.File(weights, "r") as file:
            file.visititems(lambda name, item: _add(digest, name, item))
        return digest.hexdigest()
    except Exception:
        return None


def _add(digest: Any, name: str, item: Any) -> None:
    digest.update(name.encode())
    if hasattr(item, "dtype"):
        digest.update(np.asarray(item[()]).tobytes())
    for key in sorted(item.attrs):
        digest.update(f"{key}={item.attrs[key]!r}".encode())


def _tree(folder: Path) -> set[str]:
    return {str(f) for f in folder.rglob("*")} if folder.exists() else set()


def _quiet(log: Path) -> None:
    """Send what is printed to a log, and traces of crashes too."""
    faulthandler.enable()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = sys.stderr = open(log, "a", 1, errors="backslashreplace")  # noqa: SIM115


def _in_fork(function: Callable[[], Any]) -> Any:
    """Return what a function returns in a process of its own, as JSON."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        code = 1
        try:
            data = json.dumps(function())
            with os.fdopen(writer, "w") as out:
                out.write(data)
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as source:
        text = source.read()
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("a process of the harness failed; its log has the details")
    return json.loads(text)
