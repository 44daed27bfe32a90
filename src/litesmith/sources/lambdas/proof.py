"""A Lambda layer's stored configuration → the body it provably has, or why none was proved."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.sources.lambdas.body import (
    Body,
    BodyError,
    Call,
    Input,
    MisreadError,
    depends_on_input,
    describe,
    names_called,
)
from litesmith.sources.lambdas.dialects import DIALECTS, Dialect, UnknownInstructionError
from litesmith.sources.lambdas.machine import body_of
from litesmith.sources.lambdas.marshalled import Code, read_code
from litesmith.sources.lambdas.stack import Surroundings, constant

_LONGEST_TEXT = 4 << 20
_WINDOWS = re.compile(r"^[A-Za-z]:/")
# Functions that TensorFlow 1 and 2 define differently under one name.
_CHANGED = {"tf.image.resize", "K.resize_images"}


@dataclass(frozen=True)
class Stored:
    """The parts of a Lambda's configuration, whichever Keras wrote it.

    Attributes:
        name: of the layer.
        code: marshalled byte code as text, None when the function is only named.
        defaults, closure: plain values.
        arguments: keyword arguments.
        mask: there is a mask function.
    """

    name: str
    code: str | None
    defaults: tuple[Any, ...] = ()
    closure: tuple[Any, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    mask: bool = False


@dataclass(frozen=True)
class Proof:
    """What a Lambda computes.

    Attributes:
        name: of the layer.
        body: the computation.
        python: the versions whose byte code it may be.
    """

    name: str
    body: Body
    python: str

    @property
    def text(self) -> str:
        """The body as it may have been written, shortened."""
        text = describe(self.body)
        return text if len(text) <= 120 else f"{text[:117]}…"


def stored_lambda(config: Mapping[str, Any]) -> Stored:
    """Return the parts of a Lambda's `config`.

    Raises:
        BodyError: a form that no Keras writes.
    """
    function = config.get("function")
    name = str(config.get("name", "lambda"))
    arguments = config.get("arguments") or {}
    if not isinstance(arguments, Mapping):
        raise BodyError("its arguments are unusual")
    known = {key: plain(value) for key, value in arguments.items()}
    mask = config.get("mask") is not None
    if isinstance(function, Mapping) and function.get("class_name") == "__lambda__":
        inner = function.get("config")
        if not isinstance(inner, Mapping):
            raise BodyError("its function is unusual")
        parts = inner.get("value") or [inner.get(k) for k in ("code", "defaults", "closure")]
    elif isinstance(function, list) and config.get("function_type", "lambda") == "lambda":
        parts = function
    elif isinstance(function, str) and config.get("function_type") == "lambda":
        parts = [function, None, None]  # Keras 1
    else:
        return Stored(name, None, arguments=known, mask=mask)
    if not isinstance(parts, list) or not parts:
        raise BodyError("its function is unusual")
    code, defaults, closure = (*parts, None, None)[:3]
    if not isinstance(code, str) or len(code) > _LONGEST_TEXT:
        raise BodyError("its function is unusual")
    return Stored(name, code, _values(defaults), _values(closure), known, mask)


def _values(stored: Any) -> tuple[Any, ...]:
    value = plain(stored)
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise BodyError("its default values are unusual")
    return tuple(value)


def plain(value: Any) -> Any:
    """Return a stored value as numbers, texts, tuples, lists and arrays.

    Raises:
        BodyError: of another kind.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    if isinstance(value, Mapping):
        inner = value.get("config")
        if value.get("class_name") == "__tuple__":
            return tuple(map(plain, value.get("items") or inner or ()))
        if value.get("type") == "ndarray":
            return _array(value.get("value"), None)
        if value.get("class_name") in ("__numpy__", "__tensor__") and isinstance(inner, Mapping):
            return _array(inner.get("value"), inner.get("dtype"))
    raise BodyError("it holds a value that is not plain")


def _array(value: Any, dtype: Any) -> Any:
    try:
        array = np.asarray(value, None if dtype is None else str(dtype))
    except (TypeError, ValueError) as error:
        raise BodyError("it holds an array that is unusual") from error
    if array.dtype.kind not in "biuf":
        raise BodyError("it holds an array that is unusual")
    return array


def prove(
    config: Mapping[str, Any],
    given: Mapping[str, Any] = MappingProxyType({}),
    keras_version: str | None = None,
) -> Proof:
    """Return the body that a Lambda's configuration provably has.

    Args:
        config: the layer's `config`.
        given: the user's objects by name (`--custom-objects`): globals of the body, or the whole
            function under the layer's name.
        keras_version: as stored in the file.

    Raises:
        BodyError: nothing was proved; the message completes "… is not understood: ".
    """
    try:
        stored = stored_lambda(config)
        own = next((n for n in (stored.name, f"{stored.name}_") if callable(given.get(n))), None)
        if own is not None:
            values = tuple((k, constant(v)) for k, v in stored.arguments.items())
            return Proof(stored.name, Call(own, (Input("x"),), values), "yours")
        if stored.code is None:
            raise BodyError("its function is not in the file")
        return _prove(stored, given, keras_version)
    except RecursionError as error:
        raise BodyError("it is nested too deeply") from error


def _prove(stored: Stored, given: Mapping[str, Any], keras_version: str | None) -> Proof:
    if stored.mask:
        raise BodyError("it has a mask function")
    found: list[tuple[Dialect, Body]] = []
    errors: list[BodyError] = []
    for code, dialect in readings(stored.code or ""):
        try:
            body = body_of(code, dialect, _around(stored, code, given))
            _check(body, code, dialect, keras_version)
            found.append((dialect, body))
        except BodyError as error:
            errors.append(error)
        except UnknownInstructionError:
            continue
    texts = {describe(body) for _, body in found}
    if len(texts) > 1:
        raise BodyError("versions of Python read it differently")
    sensible = [error for error in errors if not isinstance(error, MisreadError)]
    if not found and sensible:  # the version in which most of it made sense
        raise max(sensible, key=lambda error: error.followed)
    if not found:
        raise BodyError("it is not plain straight byte code")
    return Proof(stored.name, found[0][1], ", ".join(dialect.name for dialect, _ in found))


def readings(text: str) -> Iterator[tuple[Code, Dialect]]:
    """Yield the code objects that a stored text may be, with the dialects of their layout."""
    for raw in raw_code(text):
        for code in read_code(raw):
            for dialect in DIALECTS:
                if dialect.layout == code.layout:
                    yield code, dialect
        return


def raw_code(text: str) -> Iterator[bytes]:
    """Yield the bytes behind a text: base64, or characters as Keras 1 wrote them."""
    forms: tuple[Callable[[], bytes], ...] = (
        lambda: binascii.a2b_base64(text.encode("ascii")),
        lambda: text.encode("raw_unicode_escape"),
    )
    for form in forms:
        try:
            raw = form()
        except (UnicodeEncodeError, binascii.Error):
            continue
        if raw[:1] in (b"c", b"\xe3"):
            yield raw


def as_text(raw: bytes) -> str:
    """Return bytes as Keras stores them."""
    return base64.b64encode(raw).decode("ascii")


def _around(stored: Stored, code: Code, given: Mapping[str, Any]) -> Surroundings:
    names = code.varnames[: code.argcount]
    defaults = stored.defaults[-len(names) :] if names else ()
    first = len(names) - len(defaults)
    parameters = dict(zip(names[first:], defaults, strict=True)) | dict(stored.arguments)
    unknown = set(stored.arguments) - set(names[1:])
    if unknown:
        raise BodyError(f"it has no parameter '{min(unknown)}'")
    closure = {}
    if len(stored.closure) == len(code.freevars):
        closure = dict(zip(code.freevars, stored.closure, strict=True))
    return Surroundings(parameters, closure, given)


def _check(body: Body, code: Code, dialect: Dialect, keras_version: str | None) -> None:
    if not depends_on_input(body):
        raise BodyError("what it returns does not depend on its input")
    changed = names_called(body) & _CHANGED
    if changed and not _tensorflow_2(dialect, keras_version):
        raise BodyError(
            f"{min(changed)} means different things in TensorFlow 1 and 2, and the file does not "
            "say which"
        )
    # Keras on Windows replaces every backslash in the byte code, also in numbers, by a slash.
    if _WINDOWS.match(code.filename) and (b"/" in code.code or _has_slash(code.consts)):
        raise BodyError("it was damaged when it was saved on Windows")


def _tensorflow_2(dialect: Dialect, keras_version: str | None) -> bool:
    if dialect.version >= (3, 8):  # TensorFlow 1 was never built for it
        return True
    numbers = tuple(map(int, re.findall(r"\d+", keras_version or "")[:2]))
    return numbers >= (2, 4) or (numbers >= (2, 3) and "tf" in (keras_version or ""))


def _has_slash(values: Any) -> bool:
    """Return True when the stored form of a number holds the byte of '/'."""
    if isinstance(values, tuple | list):
        return any(map(_has_slash, values))
    if isinstance(values, bool) or not isinstance(values, int | float):
        return False
    if isinstance(values, int):
        return b"/" in abs(values).to_bytes(16, "little") if abs(values) < 1 << 120 else True
    return b"/" in np.float64(values).tobytes()
