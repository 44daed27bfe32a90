"""Fifty quantized variants of one network against five conversions by TFLiteConverter.

Each variant is a file of its own: another set of ops has 4 bits, 16, or stays float. It is written,
loaded, and scored by its agreement with the float file on 100 images. litesmith's time begins with
the saved Keras model; the conversions follow the converter's guide, as whole processes, and are
scored in the same way. Both calibrate on the same images. "cpu s" is the time of all processes on
all cores: on a busy machine it is the number to look at.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.applications_table import FAMILIES, preprocess
from benchmarks.common import application, arguments, must_export, natural_images, peer, report, run
from benchmarks.runtime import answers


def choices(names: list[str], count: int) -> list[dict[str, tuple[str, ...]]]:
    """Return options of `Quantize`, all different: a few ops each that are not int8."""
    rng = random.Random(0)
    found = []
    for _ in range(count):
        few = rng.sample(names, min(3, len(names)))
        found.append({
            "bits": tuple(f"{name}={rng.choice((4, 16))}" for name in few[1:]),
            "float_ops": (few[0],),
        })  # fmt: skip
    return found


def make(float_file: Path, data: Path, folder: Path, count: int, scored: int) -> None:
    """Write, load and score the variants; print the time and how many differ."""
    from dataclasses import replace

    from litesmith.data import TensorSpec, load_examples
    from litesmith.graph import read, write
    from litesmith.quantize import Quantize
    from litesmith.rewrite import IntegerForms

    graph = IntegerForms()(read(float_file.read_bytes())).graph
    x = np.load(data)
    specs = [TensorSpec("x", graph.inputs[0].shape, "float32")]
    step = Quantize("int8")
    prepared = step.prepared(graph, load_examples({"x": x}, specs))
    wanted = answers(float_file.read_bytes(), x[:scored]).argmax(-1)
    linear = [op.outputs[0].name for op in prepared.draft.graph.ops if op.kind == "CONV_2D"]
    scores = []
    for i, options in enumerate(choices(linear, count)):
        outcome = replace(step, **options).finished(prepared)
        file = folder / f"{i}.tflite"
        file.write_bytes(write(outcome.graph))
        scores.append(float(np.mean(answers(file.read_bytes(), x[:scored]).argmax(-1) == wanted)))
    different = len({file.read_bytes() for file in folder.glob("*.tflite")})
    print(f"{different} different files, agreement {min(scores):.2f} to {max(scores):.2f}")


def main() -> None:
    """Measure both."""
    if sys.argv[1:2] == ["--child"]:
        float_file, data, folder = map(Path, sys.argv[2:5])
        make(float_file, data, folder, int(sys.argv[5]), int(sys.argv[6]))
        return
    parser = arguments(__doc__ or "")
    parser.add_argument("--family", default="MobileNetV2", choices=sorted(FAMILIES))
    parser.add_argument("--side", type=int, help="input height and width")
    parser.add_argument("--images", type=int, default=100, help="representative images")
    parser.add_argument("--scored", type=int, default=100, help="images a file is scored on")
    parser.add_argument("--variants", type=int, default=50)
    parser.add_argument("--conversions", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows, told = measure(options, Path(scratch))
    report(
        f"variants of {options.family}",
        rows,
        options.json,
        images=options.images,
        scored=options.scored,
        variants=told,
        ratio=rows[0]["seconds"] / rows[1]["seconds"],
        cpu_ratio=rows[0]["cpu s"] / rows[1]["cpu s"],
    )


def measure(options: argparse.Namespace, folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Return a row for each side, and what was made.

    Raises:
        RuntimeError: a process failed.
    """
    family = FAMILIES[options.family]
    model = application(options.family, folder, options.side, examples=2, softmax=True)
    side = options.side or family.side
    images = preprocess(
        natural_images(max(options.images, options.scored), side), family.preprocess
    )
    data, files = folder / "x.npy", folder / "variants"
    np.save(data, images.astype(np.float32))
    files.mkdir()
    started, used = time.perf_counter(), cpu_seconds()
    must_export(model, folder / "float.tflite", "--quantize", "none")
    command = [sys.executable, "-m", "benchmarks.variants", "--child", folder / "float.tflite"]
    process = run([*command, data, files, str(options.variants), str(options.scored)])
    if process.exit_code:
        raise RuntimeError(process.stderr[-1500:])
    ours = time.perf_counter() - started, cpu_seconds() - used
    started, used = time.perf_counter(), cpu_seconds()
    for i in range(options.conversions):
        out = folder / f"peer{i}.tflite"
        peer("tflite_converter_scheme.py", model, data, out, "int8")
        answers(out.read_bytes(), images[: options.scored].astype(np.float32))
    theirs = time.perf_counter() - started, cpu_seconds() - used
    sides = (
        ("litesmith", options.variants, ours),
        ("TFLiteConverter", options.conversions, theirs),
    )
    rows = [
        {"who": who, "files": count, "seconds": wall, "cpu s": cpu, "s per file": wall / count}
        for who, count, (wall, cpu) in sides
    ]
    return rows, process.stdout.strip()


def cpu_seconds() -> float:
    """Return what this process and the children it has waited for have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
