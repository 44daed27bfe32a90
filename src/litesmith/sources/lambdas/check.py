"""All Lambdas of a configuration: proved, given, trusted, or the file is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from litesmith.errors import LoadError
from litesmith.sources.lambdas.body import BodyError
from litesmith.sources.lambdas.proof import prove, stored_lambda
from litesmith.sources.lambdas.trust import fits, version


def check_lambdas(
    config: Any,
    path: Path,
    keras_version: str | None,
    *,
    given: Mapping[str, Any],
    trust: bool = False,
) -> tuple[str, ...]:
    """Return one sentence for each Lambda that carries its function.

    Args:
        config: the stored model configuration.
        path: of the file.
        keras_version: as stored in it.
        given: the user's objects by name.
        trust: the user trusts the code inside the file.

    Raises:
        LoadError: a Lambda is not proved and may not, or cannot, be run.
    """
    notes = tuple(_one(c, path, keras_version, given, trust) for c in _carrying(config))
    return notes + tuple(_loose(name, code, path, trust) for name, code in _elsewhere(config))


def _one(
    config: Mapping[str, Any],
    path: Path,
    keras_version: str | None,
    given: Mapping[str, Any],
    trust: bool,
) -> str:
    name = str(config.get("name", "lambda"))
    try:
        proof = prove(config, given, keras_version)
    except BodyError as error:
        if trust:
            return _trusted(config, name, path)
        own = name if name.isidentifier() and name != "lambda" else "lambda_"
        raise LoadError(
            f"The Lambda layer '{name}' of {path} is Python code inside the file, which is not "
            f"run, and cannot be proved harmless: {error}.",
            f"Write its function as {own}(x) in a file and give --custom-objects "
            f"py:file.py:{own}; or run it as it is with --trust.",
        ) from error
    if proof.python == "yours":
        return f"The Lambda layer '{name}' was replaced by your function {proof.text}."
    return f"The Lambda layer '{name}' was not run: its byte code is {proof.text}."


def _trusted(config: Mapping[str, Any], name: str, path: Path) -> str:
    try:
        code = stored_lambda(config).code or ""
    except BodyError:
        code = ""
    if not fits(code):
        raise LoadError(
            f"The Lambda layer '{name}' of {path} cannot be run even with --trust: its byte code "
            f"is not of Python {version()}.",
            "Give its function with --custom-objects py:file.py:NAME, or use the Python that "
            "saved it.",
        )
    return f"The Python code of the Lambda layer '{name}' was run, as --trust says."


def _loose(name: str, code: str, path: Path, trust: bool) -> str:
    """Judge a lambda that is no Lambda layer: an activation or the like. Keras itself runs it."""
    if not trust:
        raise LoadError(
            f"The layer '{name}' of {path} holds a Python function, which is not run.",
            "Rebuild the model in code (--builder py:file.py:function takes the file's weights), "
            "or run the function as it is with --trust.",
        )
    if not fits(code):
        raise LoadError(
            f"The Python function in the layer '{name}' of {path} cannot be run even with --trust: "
            f"its byte code is not of Python {version()}.",
            "Rebuild the model in code: --builder py:file.py:function.",
        )
    return f"The Python function in the layer '{name}' was run, as --trust says."


def _elsewhere(config: Any) -> Iterator[tuple[str, str]]:
    """Yield (layer, code) of serialized functions outside of Lambda layers."""
    top = {k: v for k, v in config.items() if k != "compile_config"} if config else {}
    todo: list[tuple[Any, str]] = [(top, "model")]
    while todo:
        node, owner = todo.pop()
        if isinstance(node, list | tuple):
            todo += [(item, owner) for item in node]
        if not isinstance(node, Mapping) or node.get("class_name") == "Lambda":
            continue
        inner = node.get("config")
        if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
            owner = inner["name"]
        if node.get("class_name") == "__lambda__":
            value = inner.get("value", inner.get("code")) if isinstance(inner, Mapping) else None
            code = value[0] if isinstance(value, list) and value else value
            yield owner, code if isinstance(code, str) else ""
        todo += [(item, owner) for item in node.values()]


def _carrying(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the configurations of Lambda layers that carry their function, in stored order."""
    todo = [config]
    while todo:
        node = todo.pop()
        if isinstance(node, list | tuple):
            todo += reversed(node)
        if not isinstance(node, Mapping):
            continue
        inner = node.get("config")
        if node.get("class_name") == "Lambda" and isinstance(inner, Mapping) and _carries(inner):
            yield inner
        todo += reversed(list(node.values()))


def _carries(config: Mapping[str, Any]) -> bool:
    function = config.get("function")
    marshalled = isinstance(function, list) or (
        isinstance(function, Mapping) and function.get("class_name") == "__lambda__"
    )
    return marshalled or config.get("function_type") == "lambda"
