"""Recurrent nets: drop, agreement with float and latency of each scheme, and of the peers' int8.

The nets of `sequence_models` are trained here by Keras 2, whose LSTMs TFLiteConverter takes; each
file is scored by LiteRT alone. "drop" is in points of accuracy from the float file, "agree" how
many answers are those of the float file, "time" a median of the thread's processor time over the
float file's, the files taking turns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import arguments, median, must_export, peer, report, run
from benchmarks.ranges_models import split
from benchmarks.runtime import answers, interpreter
from benchmarks.sequence_models import NETS, words

SCHEMES = ("dynamic", "weights-int8", "int8", "int4", "int16x8")
PEERS = {
    "TFLiteConverter int8": ("tflite_converter_recurrent.py", "model.h5"),
    "litert-quantizer int8": ("litert_quantizer_scheme.py", "none.tflite"),
}
RUNS = 41


def train(name: str, folder: Path) -> None:
    """Train a net and write it and its data."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    data, _ = split(*words())
    build, epochs = NETS[name]
    model = build(keras, data)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(*data, epochs=epochs, batch_size=64, verbose=0)
    model.save(folder / "model.h5")


def measure(name: str, options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Return a row per file."""
    program = [sys.executable, "-m", "benchmarks.recurrent", "--train", folder, name]
    trained = run(program)
    if trained.exit_code:
        raise RuntimeError(f"{name} was not trained:\n{trained.stderr[-1500:]}")
    (x, _), (test, y) = split(*words())
    examples = folder / "examples.npy"
    np.save(examples, x[: options.examples])
    files = {"float": folder / "none.tflite"}
    must_export(folder / "model.h5", files["float"], "--quantize", "none", "--data", examples)
    for scheme in SCHEMES:
        files[scheme] = folder / f"{scheme}.tflite"
        given = ("--quantize", scheme, "--data", examples)
        must_export(folder / "model.h5", files[scheme], *given)
    for tool, (script, source) in PEERS.items():
        made = folder / f"{tool}.tflite"
        try:
            peer(script, folder / source, examples, made, "int8")
            files[tool] = made
        except RuntimeError as error:
            print(f"{tool} fails on {name}: {str(error)[-200:]}", file=sys.stderr)
    models = {what: file.read_bytes() for what, file in files.items()}
    found = {what: answers(model, test).argmax(-1) for what, model in models.items()}
    times = _times(models)
    score = float(np.mean(found["float"] == y))
    return [
        {
            "net": name, "file": what, "float %": 100 * score,
            "drop": 100 * (score - float(np.mean(found[what] == y))),
            "agree %": 100 * float(np.mean(found[what] == found["float"])),
            "bytes": len(models[what]), "us": times[what], "time": times[what] / times["float"],
        }
        for what in models
    ]  # fmt: skip


def _times(models: dict[str, bytes]) -> dict[str, float]:
    """Return median microseconds of processor time."""
    runners = {what: interpreter(model) for what, model in models.items()}
    taken: dict[str, list[float]] = {what: [] for what in models}
    for _ in range(RUNS):
        for what, runner in runners.items():
            start = time.thread_time_ns()
            runner.invoke()
            taken[what].append(1e-3 * (time.thread_time_ns() - start))
    return {what: median(found) for what, found in taken.items()}


def main() -> None:
    """Measure the nets that were named, or all."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--examples", type=int, default=200, help="representative examples")
    parser.add_argument("--train", type=Path, metavar="FOLDER", help="only train, into this folder")
    parser.add_argument("nets", nargs="*", help=f"of {', '.join(NETS)} (default: all)")
    options = parser.parse_args()
    names = options.nets or list(NETS)
    if options.train:
        return train(names[0], options.train)
    rows = []
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            rows += measure(name, options, Path(scratch))
    count = len(split(*words())[1][1])
    facts = {"representative_examples": options.examples, "n": count, "runs": RUNS, "threads": 1}
    report("recurrent nets", rows, options.json, **facts)


if __name__ == "__main__":
    main()
