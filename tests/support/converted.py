"""Small .tflite files that TensorFlow's converter made, once per test session."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

NAMES = (
    "cnn_float",
    "cnn_float16",
    "cnn_int8",
    "cnn_int16x8",
    "loop",
    "branch",
    "lstm",
    "two_signatures",
    "counter",
)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="litesmith-converted-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    script = Path(__file__).with_name("make_converted.py")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run(
        [sys.executable, script, folder], check=True, capture_output=True, env=os.environ | quiet
    )
    return folder


def converted(name: str) -> bytes:
    """Return the bytes of one of NAMES."""
    return (_folder() / f"{name}.tflite").read_bytes()
