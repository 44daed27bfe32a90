"""What can be called in a loaded SavedModel, with the order of names that the format forgets."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litesmith.errors import InputError
from litesmith.sources.structure import leaves, unique

_PREFERRED_SIGNATURES = ("serving_default", "default")
_PREFERRED_FUNCTIONS = ("serve", "__call__", "call")


@dataclass(frozen=True)
class Endpoint:
    """A signature, or a function that was traced before saving.

    Attributes:
        key: the signature's key or the function's name.
        function: the concrete function.
        inputs: name and `tf.TensorSpec` of each input, in declared order.
        outputs: names in declared order.
        call: one tensor per input → one per output, in these orders.
        feeds: the function's own tensor per input.
        places: position in the function's flat outputs, per output.
        owner: the loaded model.
    """

    key: str
    function: Any
    inputs: tuple[tuple[str, Any], ...]
    outputs: tuple[str, ...]
    call: Callable[[Sequence[Any]], list[Any]]
    feeds: tuple[str, ...]
    places: tuple[int, ...]
    owner: Any


def endpoints(model: Any, path: Path) -> dict[str, Endpoint]:
    """Return the signatures of a loaded model, then its functions of other names."""
    inputs, outputs = _keras_metadata(path)
    traced = [f for name in _function_names(model) for f in getattr(model, name).concrete_functions]
    orders = [inputs, *(_positional(f.structured_input_signature[0]) for f in traced)]
    found = {
        key: _of_signature(model, key, function, orders, outputs)
        for key, function in model.signatures.items()
    }
    for name in _function_names(model):
        function = _inference(getattr(model, name).concrete_functions)
        if name not in found and function is not None:
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                # Else its structure is one that no .tflite has (ragged, sparse).
                found[name] = _of_function(model, name, function)
    return found


def choose(found: Mapping[str, Endpoint], key: str | None, path: Path) -> Endpoint:
    """Return the endpoint of a key, or the one for inference.

    Raises:
        InputError: there is no such key, or none given and several to choose from.
    """
    signatures = [k for k, e in found.items() if k in getattr(e.owner, "signatures", ())]
    known = ", ".join(sorted(signatures or found))
    if key is None:
        usual = _PREFERRED_SIGNATURES if signatures else _PREFERRED_FUNCTIONS
        among = signatures or list(found)
        key = next((k for k in usual if k in among), among[0] if len(among) == 1 else None)
    if key is None:
        what = "signatures" if signatures else "functions and no signature"
        raise InputError(
            f"The SavedModel {path} has several {what}: {known}.",
            "Choose one with --signature KEY, or several for one file: --signature a,b.",
        )
    if key not in found:
        others = ", ".join(sorted(set(found) - set(signatures)))
        functions = f"; functions: {others}" if signatures and others else ""
        raise InputError(
            f"The SavedModel {path} has no signature '{key}'; it has: {known}{functions}.",
            "Choose one with --signature KEY.",
        )
    return found[key]


def _of_signature(
    model: Any, key: str, function: Any, orders: Sequence[list[str]], hint: list[str]
) -> Endpoint:
    specs: dict[str, Any] = function.structured_input_signature[1]
    declared = next((order for order in orders if set(order) >= set(specs)), [])
    names = _ordered(list(specs), declared)
    outputs = _ordered(list(function.structured_outputs), hint)
    flat = list(getattr(function, "_arg_keywords", None) or sorted(specs))
    own = {name: tensor.name for name, tensor in zip(flat, function.inputs, strict=False)}
    places = sorted(function.structured_outputs)

    def call(tensors: Sequence[Any]) -> list[Any]:
        result = function(**dict(zip(names, tensors, strict=True)))
        return [result[name] for name in outputs]

    return Endpoint(
        key,
        function,
        tuple((name, specs[name]) for name in names),
        tuple(outputs),
        call,
        tuple(own.get(name, f"{name}:0") for name in names),
        tuple(places.index(name) for name in outputs),
        model,
    )


def _of_function(model: Any, key: str, function: Any) -> Endpoint:
    import tensorflow as tf

    arguments, keywords = function.structured_input_signature
    structure = [list(arguments), dict(keywords)]
    flat = [leaf for leaf in tf.nest.flatten(structure) if _is_tensor(leaf)]
    names = unique([_argument_name(leaf, i) for i, leaf in enumerate(flat)])
    results = list(leaves(function.structured_outputs))
    outputs = unique([name or f"output_{i}" for i, (name, _) in enumerate(results)])
    count = len(tf.nest.flatten(function.structured_outputs))
    places = leaves(tf.nest.pack_sequence_as(function.structured_outputs, list(range(count))))

    def call(tensors: Sequence[Any]) -> list[Any]:
        fed = iter(tensors)
        values = [next(fed) if _is_tensor(leaf) else leaf for leaf in tf.nest.flatten(structure)]
        args, more = tf.nest.pack_sequence_as(structure, values)
        return [tensor for _, tensor in leaves(function(*args, **more))]

    return Endpoint(
        key,
        function,
        tuple(zip(names, flat, strict=True)),
        tuple(outputs),
        call,
        tuple(tensor.name for tensor in function.inputs[: len(flat)]),
        tuple(place for _, place in places),
        model,
    )


def _function_names(model: Any) -> Iterator[str]:
    for name in model._trackable_children():
        if getattr(getattr(model, name, None), "concrete_functions", None):
            yield name


def _inference(functions: Sequence[Any]) -> Any:
    """Return the trace not for training, of the fewest tensors and the most general shape."""
    import tensorflow as tf

    def rank(function: Any) -> tuple[bool, int, int]:
        flat = tf.nest.flatten(function.structured_input_signature)
        shapes = [leaf.shape for leaf in flat if _is_tensor(leaf)]
        open_axes = sum(9 if s.rank is None else s.as_list().count(None) for s in shapes)
        return any(leaf is True for leaf in flat), len(shapes), -open_axes

    usable = [f for f in functions if rank(f)[1] and f.outputs]
    return min(usable, key=rank, default=None)


def _is_tensor(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _argument_name(spec: Any, position: int) -> str:
    return str(spec.name or f"input_{position}").replace("/", "_")


def _positional(arguments: Any) -> list[str]:
    """Return names of positional tensors; a stored dict comes back in a random order."""
    if isinstance(arguments, list | tuple):
        return [name for argument in arguments for name in _positional(argument)]
    return [str(arguments.name)] if hasattr(arguments, "name") else []


def _keras_metadata(path: Path) -> tuple[list[str], list[str]]:
    """Read the layer order that Keras 2 stores: the first JSON object is the model's."""
    file = path / "keras_metadata.pb"
    if not file.is_file():
        return [], []
    text = file.read_bytes().decode("utf-8", "ignore")
    try:
        config = json.JSONDecoder().raw_decode(text, text.index("{"))[0].get("config") or {}
    except ValueError:
        return [], []
    return _references(config.get("input_layers")), _references(config.get("output_layers"))


def _references(layers: Any) -> list[str]:
    if isinstance(layers, dict):
        return list(layers)
    return [item[0] for item in layers or [] if isinstance(item, list)]


def _ordered(names: list[str], declared: list[str]) -> list[str]:
    """Return `names` in declared order when that names them all, else in natural order."""
    if set(declared) >= set(names):
        return [name for name in dict.fromkeys(declared) if name in names]
    return sorted(names, key=_natural)


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key by which output_2 comes before output_10."""
    return [(0, int(p)) if p.isdigit() else (1, p) for p in re.split(r"(\d+)", name) if p]
