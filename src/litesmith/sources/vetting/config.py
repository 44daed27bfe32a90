"""What a Keras configuration names: classes and functions that a loader would look up and call."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from litesmith.errors import LoadError

_DEPTH = 200  # of nested objects; a deep model nests a few dozen
_KERAS = re.compile(r"(?:tf_)?keras|tensorflow\.(?:python\.)?keras|tf\.keras|builtins")
_TYPE_SPECS = re.compile(r"tensorflow(?:\.[\w.]+)?")
# `builtins` is what Keras calls a module of its own functions; it imports nothing by that name.
_STANDARD = sys.stdlib_module_names - {"builtins", "__main__"}
_POWERFUL = {
    *("os", "posix", "nt", "subprocess", "sys", "shutil", "pathlib", "io", "importlib", "runpy"),
    *("ctypes", "pickle", "marshal", "socket", "pty", "urllib", "http", "webbrowser", "tempfile"),
}
# Parts of Keras that do things instead of computing.
_ACTING = re.compile(
    r"(?:tf_)?keras(?:\.src|\.api|\.api\._v\d)?\."
    r"(?:utils|saving|export|datasets|callbacks|config|distribution|applications|preprocessing|tree)"
    r"(?:\.|$)"
)
# Layers whose configuration makes them load other files or run code.
_CLASSES = {
    "TFSMLayer": "loads another model",
    "TorchModuleWrapper": "unpickles Python objects",
    "JaxLayer": "runs Python code",
    "FlaxLayer": "runs Python code",
}
_OPS = ("TFOpLambda", "SlicingOpLambda")
_OP_ROOTS = {
    *("math", "nn", "image", "linalg", "signal", "dtypes", "bitwise", "sets", "sparse", "ragged"),
    *("strings", "random", "quantization", "__operators__", "keras", "experimental", "compat"),
}
_OP_ACTS = re.compile(
    r"py_func|function|file|save|load|import|raw_ops|while|map_fn|\bio\b|\bdata\b|train|summary"
    r"|print|session|queue|config|debugging|cond\b|scan|fold|device|checkpoint|write|read_"
)
_CLASS_METHODS = {"RaggedTensor", "SparseTensor", "sparse.SparseTensor"}


def refuse_dangerous(config: Any, path: Path) -> None:
    """Refuse a configuration that names what no model needs.

    Args:
        config: the stored model configuration.
        path: of the file, for the sentence.

    Raises:
        LoadError: naming it.
    """
    for node in _objects(config, path):
        why = _danger(node)
        if why:
            raise LoadError(
                f"{path} is not opened: {why}.", "Ask its author for a file without that."
            )


def refuse_imports(
    config: Any, known: Collection[str], title: str, path: Path, packages: Collection[str] = ()
) -> None:
    """Refuse classes and functions of modules that a loader would import because the file says so.

    Args:
        config: the stored model configuration.
        known: names of the user's objects, which loaders find without importing.
        title: the loader.
        path: of the file.
        packages: of which the loader itself takes classes of Keras, and nothing else.

    Raises:
        LoadError: naming the first, and how the others are called.
    """
    missing: dict[str, tuple[str, str]] = {}
    for node in _objects(config, path):
        module, name = node.get("module"), _name(node)
        if not isinstance(module, str) or _of_keras(module) or _is_type_spec(node, module):
            continue
        kind = "function" if node["class_name"] == "function" else "class"
        if kind == "class" and module.split(".")[0] in packages:
            continue
        looked_up = name if kind == "function" else node.get("registered_name", name)
        if looked_up not in known:
            missing.setdefault(name, (kind, module))
    if missing:
        (name, (kind, module)), *others = missing.items()
        more = f" (nor {', '.join(_shown(other) for other, _ in others[:9])})" if others else ""
        raise LoadError(
            f"{title}: Could not locate {kind} '{_shown(name)}'{more} of the module "
            f"{_shown(module)}, which is not imported only because the file says so"
        )


def _danger(node: Mapping[str, Any]) -> str:
    """Return what is dangerous about one serialized object, "" for nothing."""
    kind, name, module = node["class_name"], _name(node), node.get("module")
    config = node.get("config")
    inner = config if isinstance(config, Mapping) else {}
    if kind in _CLASSES:
        return f"it has the layer {kind}, which {_CLASSES[kind]}"
    if isinstance(module, str):
        root = module.split(".")[0]
        if root in _POWERFUL or (root in _STANDARD and kind == "function"):
            return f"it names {_shown(module)}.{_shown(name)}, which is no part of a model"
        if kind == "function" and _ACTING.match(f"{module}.{name}"):
            return f"it names {_shown(module)}.{_shown(name)}, which does more than compute"
    if isinstance(inner.get("vocabulary"), str):
        return (
            f"its layer '{_shown(inner.get('name'))}' reads the file {_shown(inner['vocabulary'])}"
        )
    if kind in _OPS and not _computes(str(inner.get("function", ""))):
        return (
            f"it calls TensorFlow's {_shown(inner.get('function'))}, which does more than compute"
        )
    if kind == "ClassMethod" and inner.get("cls_symbol") not in _CLASS_METHODS:
        return f"it calls a method of TensorFlow's {_shown(inner.get('cls_symbol'))}"
    return ""


def _computes(path: str) -> bool:
    """Return True for names of TensorFlow functions that compute tensors and nothing else."""
    parts = path.split(".")  # of which `__operators__` is one
    if parts[:2] in (["compat", "v1"], ["compat", "v2"]):
        parts = parts[2:]
    inside = len(parts) == 1 or parts[0] in _OP_ROOTS
    if parts[0] == "keras" and parts[1:2] not in (["backend"], ["activations"], ["layers"]):
        return False
    return inside and not _OP_ACTS.search(".".join(parts))


def _objects(config: Any, path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every serialized object (a mapping with a `class_name`) that a loader reads.

    The outermost optimizer, loss and metrics are not: nothing is compiled.
    """
    if isinstance(config, Mapping):
        config = {key: value for key, value in config.items() if key != "compile_config"}
    todo: list[tuple[Any, int]] = [(config, 0)]
    while todo:
        node, depth = todo.pop()
        if depth > _DEPTH:
            raise LoadError(f"{path} is damaged: its configuration is nested too deeply.")
        if isinstance(node, Mapping):
            if isinstance(node.get("class_name"), str):
                yield node
            todo += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list | tuple):
            todo += [(value, depth + 1) for value in node]


def _name(node: Mapping[str, Any]) -> str:
    config = node.get("config")
    if node["class_name"] == "function":
        return config if isinstance(config, str) else str(node.get("registered_name", "function"))
    if node["class_name"] == "__typespec__":
        return str(node.get("spec_name", ""))
    return str(node["class_name"])


def _of_keras(module: str) -> bool:
    found = _KERAS.match(module)
    return found is not None and module[found.end() :][:1] in ("", ".")


def _is_type_spec(node: Mapping[str, Any], module: str) -> bool:
    return node["class_name"] == "__typespec__" and _TYPE_SPECS.fullmatch(module) is not None


def _shown(name: Any) -> str:
    return str(name).encode("unicode_escape").decode("ascii")[:80]
