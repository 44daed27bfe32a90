"""python run_tflm.py FOLDER: whether TensorFlow Lite Micro runs each file once, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from isolated import each
from tflite_micro.python.tflite_micro import runtime


def _run(file: Path) -> None:
    interpreter = runtime.Interpreter.from_bytes(file.read_bytes(), arena_size=8_000_000)
    index = 0
    while True:
        try:
            details = interpreter.get_input_details(index)
        except Exception:
            break
        interpreter.set_input(np.ones(details["shape"], details["dtype"]), index)
        index += 1
    interpreter.invoke()
    print("\nVERDICT runs", flush=True)


found = each(_run)
print(
    json.dumps({n: "runs" if t.endswith("VERDICT runs\n") else "fails" for n, t in found.items()})
)
