"""Training steps per second against the same float network in plain Keras, at the same batch.

    python -m benchmarks.train_speed --shared FOLDER [--batch 64] [--rounds 15]

Interleaved: some steps of `fit` of the Keras model, of `fit` of its quantized trainable form, and
of distillation (teacher and student), in turn; medians of steps per second, and their ratios.

"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tf_keras

import litesmith
from benchmarks.shared_models import SHARED
from litesmith.train.lesson import Lesson, Parts
from litesmith.train.schedule import Pace
from litesmith.train.trainer import Trainer

_STEPS = 8


def _fit(model: keras.Model, x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], None]:
    model.fit(x, y, batch, verbose=0)  # traced
    return lambda: model.fit(x, y, batch, verbose=0)


def runners(path: Path, x: np.ndarray, y: np.ndarray, batch: int) -> dict[str, Callable[[], None]]:
    """Return name → what takes `_STEPS` steps."""
    loss = "sparse_categorical_crossentropy"
    plain = tf_keras.models.load_model(path, compile=False)
    plain.compile("adam", loss)
    made = litesmith.annotate(path, data=x[:100], quantize="int4")
    quantized = litesmith.trainable(made.graph)
    quantized.compile(keras.optimizers.Adam(1e-4), loss)
    lesson = Lesson(made.teacher, made.graph)
    inputs = x.reshape(len(x), *made.graph.inputs[0].shape)
    lesson.measure([inputs[:batch]])
    trainer = Trainer(lesson, lesson.student.start(), Parts())

    def distill() -> None:
        for i in range(_STEPS):
            trainer.step([inputs[i * batch : (i + 1) * batch]], Pace(1e-4), batch)

    distill()
    return {
        "Keras, float": _fit(plain, x, y, batch),
        "trainable, int4": _fit(quantized, x, y, batch),
        "distillation, int4": distill,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    print("| model | steps of | steps/s | ratio to Keras |\n|---|---|---|---|")
    for name in ("resnet8", "hand_keypoint"):
        model = SHARED[name]
        with np.load(given.shared / str(model.data)) as arrays:
            count = _STEPS * given.batch
            x, y = arrays["x_train"][:count].astype(np.float32), arrays["y_train"][:count]
        all_of = runners(given.shared / model.path, x, y, given.batch)
        seconds: dict[str, list[float]] = {key: [] for key in all_of}
        for _ in range(given.rounds):
            for key, run in all_of.items():
                began = time.perf_counter()
                run()
                seconds[key].append(time.perf_counter() - began)
        base = statistics.median(seconds["Keras, float"])
        for key, taken in seconds.items():
            middle = statistics.median(taken)
            print(f"| {name} | {key} | {_STEPS / middle:.1f} | {base / middle:.2f} |")


if __name__ == "__main__":
    main()
