"""Raw values made into what one model input takes, or a clear sentence why that cannot be."""

from __future__ import annotations

import math

import numpy as np

from litesmith.data.preprocess import Preprocess
from litesmith.data.specs import Array, TensorSpec
from litesmith.errors import InputError


def prepare(values: Array, spec: TensorSpec, preprocess: Preprocess, where: str) -> Array:
    """Return `values` (k, …) preprocessed, in the shape and dtype of the model's input.

    An input that is fed channels first takes data in either layout.

    Returns:
        read-only (k, *spec.example_shape) array of `spec.dtype`.

    Raises:
        InputError: wrong shape, NaN or infinity, or values that the dtype cannot hold.
    """
    if spec.channels_first:
        if matches(values.shape[1:], spec.example_shape):
            values = np.moveaxis(values, 1, -1)
        last = prepare(values, spec.channels_last(), preprocess, where)
        return np.ascontiguousarray(np.moveaxis(last, -1, 1))
    _check_numeric(values, where)
    _check_finite(values, where)
    if preprocess.keeps_shape:
        values = fit_shape(values, spec, where)
    values = preprocess.apply(values, where)
    if not preprocess.keeps_shape:
        _check_numeric(values, where)
        values = fit_shape(values, spec, where)
    if not preprocess.is_identity:
        _check_finite(values, f"{where} after preprocessing")
    view = cast(values, spec, where, preprocessed=not preprocess.is_identity)[:]
    view.flags.writeable = False
    return view


def _check_numeric(values: Array, where: str) -> None:
    if values.dtype.kind not in "biuf":
        raise InputError(f"{where} holds {_kind(values.dtype)}, but a model input takes numbers.")


def _kind(dtype: np.dtype[np.generic]) -> str:
    names = {
        "U": "text",
        "S": "text",
        "O": "Python objects",
        "c": "complex numbers",
        "V": "records",
    }
    return names.get(dtype.kind, f"values of type {dtype}")


def _check_finite(values: Array, where: str) -> None:
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    bad = int(np.count_nonzero(~np.isfinite(values)))
    raise InputError(
        f"{where} holds NaN or infinity ({bad} of {values.size} values in one batch).",
        "Clean the data: a range that includes them cannot be quantized.",
    )


def fit_shape(values: Array, spec: TensorSpec, where: str) -> Array:
    """Return (k, *example_shape); a missing last axis of 1 is added, anything else is refused.

    Raises:
        InputError: naming the shape found and the shape needed.
    """
    needed, found = spec.example_shape, values.shape[1:]
    if matches(found, needed):
        return values
    if matches((*found, 1), needed):
        return values[..., np.newaxis]
    raise InputError(
        f"Each example of {where} has shape {found}, but the model's input '{spec.name}' needs "
        f"{show(needed)}.",
        _shape_hint(found, needed),
    )


def matches(found: tuple[int, ...], needed: tuple[int | None, ...]) -> bool:
    """Return whether a shape is the one needed; None fits every size."""
    pairs = zip(found, needed, strict=False)
    return len(found) == len(needed) and all(n is None or f == n for f, n in pairs)


def show(shape: tuple[int | None, ...]) -> str:
    """Return a shape as text, with `any` where every size fits."""
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def _shape_hint(found: tuple[int, ...], needed: tuple[int | None, ...]) -> str:
    known = [size for size in needed if size is not None]
    target = show(needed)[1:-1].rstrip(",")
    if len(found) == len(needed) == 3 and matches((*found[1:], found[0]), needed):
        return f"It looks like channels first: transpose it to (n, {target})."
    if len(known) == len(needed) and math.prod(found) == math.prod(known):
        return f"The number of values is right: reshape the data to (n, {target})."
    if len(found) == len(needed) - 1 and matches(found, needed[1:]):
        return f"The axis of examples seems to be missing: the data must be (n, {target})."
    return f"The whole array must be (n, {target}) for n examples."


def cast(values: Array, spec: TensorSpec, where: str, preprocessed: bool = False) -> Array:
    """Return `values` in the input's dtype, refusing what that type cannot hold exactly.

    Raises:
        InputError: values that the input cannot hold exactly, or an input that takes no numbers.
    """
    target = _numeric_dtype(spec)
    if values.dtype == target:
        return values
    if target.kind == "f":
        return _cast_float(values, target, spec, where)
    if values.dtype.kind == "f" and not (np.floor(values) == values).all():
        raise InputError(
            f"The model's input '{spec.name}' is {spec.dtype}, but {where} "
            f"{'gives' if preprocessed else 'holds'} fractions"
            f"{' after preprocessing' if preprocessed else ''}.",
            "An integer input takes whole numbers: use '--preprocess none' for it"
            " (per input: 'name:none')."
            if preprocessed
            else "",
        )
    low, high = (0, 1) if target.kind == "b" else _limits(target)
    # Python numbers: in float16 the limits themselves would overflow.
    least, most = (values.min().item(), values.max().item()) if values.size else (low, high)
    if least < low or most > high:
        raise InputError(
            f"{where} holds values from {least} to {most}, but the model's input '{spec.name}' is "
            f"{spec.dtype} ({low} to {high})."
        )
    return values.astype(target)


def _limits(dtype: np.dtype[np.generic]) -> tuple[int, int]:
    info = np.iinfo(np.dtype(dtype.str))
    return int(info.min), int(info.max)


def _cast_float(values: Array, target: np.dtype[np.generic], spec: TensorSpec, where: str) -> Array:
    with np.errstate(over="ignore"):
        result = values.astype(target)
    if values.dtype.itemsize > target.itemsize and not np.isfinite(result).all():
        raise InputError(
            f"{where} holds values beyond the range of {target}, the type of the model's input "
            f"'{spec.name}'."
        )
    return result


def _numeric_dtype(spec: TensorSpec) -> np.dtype[np.generic]:
    try:
        dtype = np.dtype(spec.dtype)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "biuf":
        raise InputError(
            f"The model's input '{spec.name}' is of type {spec.dtype}, which numbers cannot fill."
        )
    return dtype
