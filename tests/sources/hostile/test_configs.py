"""Configurations that name what no model needs; each would leave a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litesmith.sources import LoadOptions
from tests.sources.hostile.conftest import Refused
from tests.sources.hostile.files import Config, change, dense, layer

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _function(module: str, name: str) -> Callable[[Config], None]:
    """Put a function in the place of an activation."""

    def edit(config: Config) -> None:
        layer(config)["config"]["activation"] = {
            "module": module,
            "class_name": "function",
            "config": name,
            "registered_name": name,
        }

    return edit


def _class(module: str, name: str, inner: Any) -> Callable[[Config], None]:
    """Put an object in the place of an initializer."""

    def edit(config: Config) -> None:
        layer(config)["config"]["kernel_initializer"] = {
            "module": module,
            "class_name": name,
            "config": inner,
            "registered_name": name,
        }

    return edit


def _layer_class(name: str, inner: Config, module: str = "keras.layers") -> Any:
    def edit(config: Config) -> None:
        found = layer(config)
        found.update(class_name=name, module=module, registered_name=None)
        found["config"] = {"name": "d", **inner}

    return edit


def _deep(config: Config) -> None:
    nested: Any = []
    for _ in range(900):
        nested = [nested]
    layer(config)["config"]["units"] = nested


DANGERS: dict[str, tuple[Callable[[Config], None], str]] = {
    "os.system": (_function("os", "system"), "os.system"),
    "posix": (_function("posix", "system"), "posix.system"),
    "subprocess": (_function("subprocess", "check_output"), "subprocess"),
    "builtin module": (_function("importlib", "import_module"), "importlib"),
    "get_file": (_function("keras.utils", "get_file"), "get_file"),
    "load_model": (_function("keras.saving", "load_model"), "load_model"),
    "inner module": (_function("keras.src.utils.file_utils", "get_file"), "get_file"),
    "unsafe": (_function("keras.config", "enable_unsafe_deserialization"), "enable_unsafe"),
    "Popen": (_class("subprocess", "Popen", {"args": ["touch", "sentinel"]}), "Popen"),
    "TFSMLayer": (_layer_class("TFSMLayer", {"filepath": "/tmp/m"}), "TFSMLayer"),
    "TorchModuleWrapper": (_layer_class("TorchModuleWrapper", {"module": "gAR9"}), "unpickles"),
    "vocabulary": (
        _layer_class("StringLookup", {"vocabulary": "/etc/passwd"}),
        "reads the file /etc/passwd",
    ),
    "deep": (_deep, "nested too deeply"),
}


@pytest.mark.parametrize("danger", DANGERS)
@pytest.mark.parametrize("which", ["keras", "tf_keras"])
def test_dangers(tmp_path: Path, refused: Refused, sentinel: Path, which: str, danger: str) -> None:
    edit, says = DANGERS[danger]
    path = change(dense(tmp_path / "m.keras", which), edit)
    assert says in refused(path)


def test_modules_are_not_imported(
    tmp_path: Path, refused: Refused, sentinel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that the file names is not imported, even where it could be."""
    (tmp_path / "trap.py").write_text(f"open({str(sentinel)!r}, 'w')\nclass Trap: pass\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for which in ("keras", "tf_keras"):
        for edit in (_layer_class("Trap", {}, "trap"), _function("trap", "trap")):
            path = change(dense(tmp_path / "m.keras", which), edit)
            assert "trap" in refused(path)
            assert not sentinel.exists()


def _tensorflow_op(function: str) -> Callable[[Config], None]:
    """Turn the second Dense of a Keras 2 file into a TensorFlow call."""

    def edit(config: Config) -> None:
        found = layer(config, "e")
        arguments = {"filename": "sentinel", "contents": ["d", 0, 0]}
        found.update(
            class_name="TFOpLambda",
            config={"name": "e", "trainable": True, "dtype": "float32", "function": function},
            inbound_nodes=[["d", 0, 0, arguments]],
        )

    return edit


@pytest.mark.parametrize(
    "function",
    [
        "io.write_file",
        "io.read_file",
        "compat.v1.py_func",
        "py_function",
        "numpy_function",
        "raw_ops.WriteFile",
        "compat.v1.write_file",
        "keras.utils.get_file",
        "saved_model.load",
        "load_library",
        "data.Dataset.list_files",
        "while_loop",
        "io.gfile.remove",
        "print",
    ],
)
def test_tensorflow_calls(tmp_path: Path, refused: Refused, sentinel: Path, function: str) -> None:
    path = change(dense(tmp_path / "m.h5", "tf_keras"), _tensorflow_op(function))
    assert "more than compute" in refused(path)


def test_trust_is_not_for_modules(tmp_path: Path, refused: Refused, sentinel: Path) -> None:
    """--trust is about Lambdas; nobody needs os.system in a model."""
    path = change(dense(tmp_path / "m.keras", "tf_keras"), _function("os", "system"))
    assert "os.system" in refused(path, LoadOptions(trust=True))
