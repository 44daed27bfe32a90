"""What self-distillation makes of coarse weights: scores of the shipped files, seed by seed.

    python -m benchmarks.train CASE … --shared FOLDER [--fashion FOLDER --models FOLDER]
                               [--seeds 3] [--out FOLDER] [--list]

Runs `litesmith export --train auto` with default settings in a process of its own and scores the
file that it wrote with LiteRT: top-1 on test examples that nothing was chosen on, agreement with
the float model, bytes, seconds of the whole export. CASES says what the cases are; `all` runs them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import run
from benchmarks.shared_models import SHARED
from litesmith.runtime import Session


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        model: a key of `SHARED`, or the name of a network of benchmarks/train_models.py.
        scheme: of `--quantize`.
        examples: unlabeled ones, evenly spread over the training set.
        goal: what the issue asks of it.
        options: further options of `export`.
    """

    model: str
    scheme: str
    examples: int
    goal: str
    options: tuple[str, ...] = ()


CASES = {
    "resnet8-int8": Case("resnet8", "int8", 1000, "-"),
    "resnet8-int4": Case("resnet8", "int4", 1000, ">= 75.4 %, <= 120 s"),
    "resnet8-int3": Case("resnet8", "int3", 5000, "gap <= 1.5, <= 600 s"),
    "resnet8-ternary": Case("resnet8", "ternary", 5000, "gap <= 4, <= 600 s"),
    "resnet8-binary": Case("resnet8", "binary", 5000, "gap <= 6, <= 600 s"),
    "resnet8-binary-packed": Case("resnet8", "binary", 5000, "<= 35 kB", ("--pack",)),
    "kws-int4": Case("ds_cnn_kws", "int4", 407, "gap <= 0.5"),
    "hand-int4": Case("hand_keypoint", "int4", 2225, "gap <= 0.5"),
    "mobilenet-int4": Case("mobilenet", "int4", 1000, "gap <= 1, agreement - int8's >= -5"),
    "vgg-int4": Case("vgg", "int4", 1000, "gap <= 1, agreement - int8's >= -5"),
    "mobilenet-int8": Case("mobilenet", "int8", 1000, "-"),
    "vgg-int8": Case("vgg", "int8", 1000, "-"),
}
_BATCH = 50


@dataclass(frozen=True)
class Subject:
    """A model and its data: unlabeled examples to train on, and the test set."""

    path: Path
    x: np.ndarray
    tested: np.ndarray
    labels: np.ndarray


def subject(case: Case, given: argparse.Namespace) -> Subject:
    """Return the model and data of a case."""
    if case.model in SHARED:
        model = SHARED[case.model]
        with np.load(given.shared / str(model.data)) as arrays:
            x, tested, labels = (arrays[n] for n in ("x_train", "x_test", "y_test"))
        path = given.shared / model.path
    else:
        from benchmarks.train_models import fashion

        x, _ = fashion(given.fashion, "train")
        tested, labels = fashion(given.fashion, "t10k")
        path = given.models / f"{case.model}.keras"
    rows = np.linspace(0, len(x) - 1, min(case.examples, len(x))).astype(int)
    return Subject(path, x[rows], tested.astype(np.float32), labels)


def answers(file: Path, x: np.ndarray) -> np.ndarray:
    """Return the classes that a file answers."""
    session = Session(file.read_bytes())
    parts = (session.run([x[i : i + _BATCH]])[0] for i in range(0, len(x), _BATCH))
    return np.concatenate([p.reshape(len(p), -1).argmax(-1) for p in parts])


def exported(case: Case, of: Subject, folder: Path, extra: Sequence[str]) -> tuple[Path, float]:
    """Export with the command line; return the file and the seconds that it took."""
    data, out = folder / "data.npy", folder / f"{case.scheme}.tflite"
    np.save(data, of.x)
    command = [sys.executable, "-m", "litesmith", "export", of.path, "-o", out, "--json"]
    done = run([*command, "--quantize", case.scheme, "--data", data, *case.options, *extra])
    if done.exit_code:
        raise RuntimeError(f"{case}: exit {done.exit_code}\n{done.stderr[-2000:]}")
    return out, done.seconds


def row(name: str, case: Case, given: argparse.Namespace) -> str:
    """Return the table's row of one case."""
    of = subject(case, given)
    scores, same, seconds = [], [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plain, _ = exported(Case(case.model, "none", 0, ""), of, folder, ())
        wanted = answers(plain, of.tested)
        score = float((wanted == of.labels).mean())
        before, _ = exported(case, of, folder, ("--train", "none"))
        untrained = float((answers(before, of.tested) == of.labels).mean())
        for seed in range(given.seeds):
            file, taken = exported(case, of, folder, ("--train", "auto", "--seed", str(seed)))
            found = answers(file, of.tested)
            scores.append(float((found == of.labels).mean()))
            same.append(float((found == wanted).mean()))
            seconds.append(taken)
        size = file.stat().st_size
        if given.out:
            (given.out / f"{name}.tflite").write_bytes(file.read_bytes())
    middle = statistics.median(scores)
    spread = f"{min(scores):.1%}-{max(scores):.1%}"
    return (
        f"| {name} | {len(of.x)} | {score:.1%} | {untrained:.1%} | {middle:.1%} ({spread}) | "
        f"{100 * (score - middle):+.1f} | {statistics.median(same):.1%} | {size / 1000:.1f} | "
        f"{statistics.median(seconds):.0f} | {case.goal} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--fashion", type=Path)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    if given.list:
        print("\n".join(f"{name}: {case}" for name, case in CASES.items()))
        return
    chosen = CASES if given.cases == ["all"] else {name: CASES[name] for name in given.cases}
    print(
        "| case | unlabeled | float | untrained | trained: median (range) | gap | agreement | kB "
        "| s of export | asked |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for name, case in chosen.items():
        print(row(name, case, given), flush=True)


if __name__ == "__main__":
    main()
