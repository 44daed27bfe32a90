"""What a start of the command line imports: no TensorFlow ever, little for help."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "tf_keras", "ai_edge_litert", "scipy", "pandas", "numpy", "PIL")

_PROGRAM = """
import sys
from litesmith.cli import main
code = main(sys.argv[2:])
print("\\n".join(m for m in sys.argv[1].split(",") if m in sys.modules))
sys.exit(code)
"""


def imported(*args: str) -> set[str]:
    words = [sys.executable, "-c", _PROGRAM, ",".join(HEAVY), *args]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & set(HEAVY)


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["export", "--help"]])
def test_help_imports_nothing_heavy(args):
    assert imported(*args) == set()


def test_training_is_imported_without_tensorflow():
    modules = "litesmith.train.process, litesmith.forge.train, litesmith.train.distill"
    program = f"import sys, {modules}; print([m for m in {HEAVY[:3]} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_importing_litesmith_imports_nothing_heavy():
    program = f"import sys, litesmith; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_parent_never_imports_tensorflow(tmp_path, digits):
    found = imported(
        "export", str(digits / "digits.keras"), "-o", str(tmp_path / "d.tflite"), "-q",
        "--data", f"{digits / 'digits.npz'}#x_train", "--preprocess", "scale=0.0625,offset=0",
        "--eval", f"{digits / 'digits.npz'}#x_test,y_test",
    )  # fmt: skip
    assert (tmp_path / "d.tflite").is_file()
    assert found & {"tensorflow", "keras", "tf_keras", "scipy", "pandas"} == set()
    assert "ai_edge_litert" in found


def test_checking_a_tflite_needs_no_tensorflow(tmp_path):
    from litesmith.graph import write
    from tests.api.fakes import classifier

    (tmp_path / "m.tflite").write_bytes(write(classifier()))
    found = imported("check", str(tmp_path / "m.tflite"), "-q")
    assert found & {"tensorflow", "keras", "tf_keras", "scipy", "pandas"} == set()
