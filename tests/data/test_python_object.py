from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from litesmith.data import load_python, user_code
from litesmith.errors import InputError


def test_modules_files_and_attributes(tmp_path: Path) -> None:
    assert load_python("py:math:pi") == pytest.approx(3.14159, 1e-5)
    assert load_python("py:pathlib:Path.cwd")() == Path.cwd()
    (tmp_path / "sibling_of_code.py").write_text("value = 7\n")
    path = tmp_path / "code.py"
    path.write_text("from sibling_of_code import value\nclass A:\n    b = value\n")
    assert load_python(f"py:{path}:A.b") == 7


def test_a_file_runs_once_and_again_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "once.py"
    path.write_text("token = object()\n")
    assert load_python(f"py:{path}:token") is load_python(f"py:{path}:token")
    path.write_text("token = 'changed'\n")
    assert load_python(f"py:{path}:token") == "changed"


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("py:math", "does not name", "py:module:name"),
        ("math:pi", "does not name", "py:module:name"),
        ("py::pi", "does not name", ""),
        ("py:math:", "does not name", ""),
        ("py:no_such_module_at_all:f", "no Python module", ".py"),
        ("py:no_such_file.py:f", "no file no_such_file.py", ""),
        ("py:math:sqr", "has no 'sqr'", "sqrt"),
    ],
)
def test_mistakes(spec: str, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_python(spec)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\ny = (\n", r"broken.py:2: SyntaxError"),
        ("x = 1\n\nraise ValueError('two\\nlines')\n", r"broken.py:3: ValueError: two lines"),
        ("import not_installed_anywhere\n", r"broken.py:1: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", r"broken.py:2: SystemExit: 3"),
        ("import json\njson.loads('{')\n", r"broken.py:2: JSONDecodeError"),
    ],
)
def test_code_that_fails_is_named_with_its_line(tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(code)
    with pytest.raises(InputError, match=message):
        load_python(f"py:{path}:f")


def test_two_threads_of_user_code_leave_stdout_as_it_was() -> None:
    before, entered, other = sys.stdout, threading.Event(), threading.Event()

    def first() -> None:
        with user_code("first"):
            entered.set()
            other.wait(0.1)  # time for the other thread to redirect in between, if it could

    def second() -> None:
        entered.wait()
        with user_code("second"):
            other.set()
            ends[0].join(0.2)

    ends = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in ends:
        thread.start()
    for thread in ends:
        thread.join()
    assert sys.stdout is before
