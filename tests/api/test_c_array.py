"""A file as C++ source: the same bytes, aligned, with a header that compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from litesmith.errors import InputError
from litesmith.forge.c_array import c_array_files, header_of
from litesmith.graph import write
from tests.snippets.files import FILES

_MAIN = """
#include <cstdint>
#include <cstdio>
#include "my_model.h"
int main() {
  static_assert(my_model_tflite_input0_size == 768);
  static_assert(my_model_tflite_output0_size == 4);
  if (reinterpret_cast<std::uintptr_t>(my_model_tflite) % 16 != 0) return 1;
  std::fwrite(my_model_tflite, 1, my_model_tflite_len, stdout);
}
"""


def test_compiled_array_holds_the_file(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    graph = FILES["plain"]()
    model = write(graph)
    for path, content in c_array_files(tmp_path / "my_model.cc", model, graph).items():
        path.write_bytes(content)
    (tmp_path / "main.cc").write_text(_MAIN, "utf-8")
    command = [compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", "main.cc", "my_model.cc"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([tmp_path / "a.out"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, model)


def test_bytes_in_the_source(tmp_path: Path) -> None:
    graph = FILES["several"]()
    model = write(graph)
    files = c_array_files(tmp_path / "m.cc", model, graph)
    source = files[tmp_path / "m.cc"].decode()
    found = bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})", source))
    assert found == model
    header = files[tmp_path / "m.h"].decode()
    # A name with a line break stays within its comment.
    assert 'm_tflite_input1_size = 2;  // my $input "x" 2: int32 2' in header


def test_name_of_the_source() -> None:
    assert header_of("a/b.cpp") == Path("a/b.h")
    assert header_of(None) is None
    with pytest.raises(InputError, match="not the name of a C") as caught:
        header_of("model.h")
    assert "model.cc" in caught.value.hint
