"""A child whose `distill` is a fake: everything else of training is real, TensorFlow is not loaded.

`LITESMITH_FAKE` says how it behaves, `LITESMITH_FAKE_SAVES` lets it keep every state.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import types
from typing import Any

import numpy as np

from litesmith.children.serve import main
from litesmith.errors import InputError
from litesmith.train import child
from litesmith.train.learned import changes, restore
from litesmith.train.nouns import Progress, Settings, State, Trained

STEPS = 5


def distill(
    teacher: Any, student: Any, examples: Any, settings: Settings, on_progress: Any,
    should_stop: Any, resume: State | None,
) -> Trained:  # fmt: skip
    how = os.environ.get("LITESMITH_FAKE", "good")
    if how == "refuse":
        raise InputError("These examples do not fit.", "Take others.")
    if how == "break":
        raise ZeroDivisionError("a defect")
    if how == "constant":
        return Trained(student, False, "the float model answers all examples alike")
    weights = next(t for t in student.tensors() if t.data is not None and t.data.ndim == 2)
    swap = {weights: weights.with_(data=weights.data * np.float32(0.5))}
    start = 0 if resume is None else resume.step
    step = start
    total = STEPS if how not in ("endless", "deaf") else 10_000
    print(f"noise of a library, {sum(x.nbytes for x in examples)} bytes")
    while step < total and not (should_stop() and how != "deaf"):
        step += 1
        state = State(step, changes(student, swap))
        loss = 1.0 / step
        on_progress(Progress(step, total, loss, 1 - loss / 2, loss, 0.01, 1.0, lambda s=state: s))
        if how == "kill" and step == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "leave" and step == 3:
            os._exit(3)
        if how in ("endless", "deaf"):
            time.sleep(0.02)
    state = State(step, changes(student, swap))
    why = f"{step - start} steps"
    graph = restore(student, state)
    return Trained(graph, True, why, step, (1.0, 1 / step), (0.5, 0.9), 0.1, ("CUSTOM:X",), state)


if __name__ == "__main__":
    if os.environ.get("LITESMITH_FAKE") == "no tensorflow":
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    else:
        sys.modules["tensorflow"] = types.ModuleType("tensorflow")
    fake = types.ModuleType("litesmith.train.distill")
    fake.distill = distill  # type: ignore[attr-defined]
    sys.modules["litesmith.train.distill"] = fake
    if os.environ.get("LITESMITH_FAKE_SAVES"):
        child._SAVE_EVERY_S = 0.0
    main(child._opening)
