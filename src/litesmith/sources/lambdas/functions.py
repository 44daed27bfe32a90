"""The tensor functions that a body may call, by canonical name: the only ones ever looked up.

Canonical roots: `tf` (TensorFlow 2), `tf1` (tf.compat.v1), `K` (keras.backend), `ops` (keras.ops),
`activations`, `np`, `math` and `python` (builtins). Add a function by its name in one row; it must
compute tensors from tensors and nothing else: no files, no variables, no randomness, no state.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from litesmith.sources.lambdas.body import BodyError

_ELEMENTWISE = (
    "abs add ceil cos divide equal exp floor greater greater_equal less less_equal log "
    "logical_and logical_not logical_or maximum minimum mod multiply negative not_equal pow "
    "round rsqrt sigmoid sign sin sqrt square squared_difference subtract tanh truediv"
)
_REDUCE = (
    "reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod "
    "reduce_sum"
)
_MATH = (
    f"{_ELEMENTWISE} {_REDUCE} add_n argmax argmin cumprod cumsum divide_no_nan erf expm1 floordiv "
    "l2_normalize log1p log_sigmoid log_softmax multiply_no_nan reciprocal scalar_mul softmax "
    "softplus softsign top_k reduce_std reduce_variance"
)
_NN = (
    "avg_pool avg_pool1d avg_pool2d depth_to_space elu gelu l2_normalize leaky_relu local_response_"
    "normalization log_softmax lrn max_pool max_pool1d max_pool2d moments relu relu6 selu sigmoid "
    "silu softmax softplus softsign space_to_depth swish tanh"
)
_TF = (
    f"{_ELEMENTWISE} {_REDUCE} add_n argmax argmin broadcast_to cast clip_by_value concat constant "
    "convert_to_tensor cumsum einsum ensure_shape expand_dims gather gather_nd identity matmul "
    "norm one_hot ones_like pad rank repeat reshape reverse roll shape size slice split squeeze "
    "stack stop_gradient strided_slice tensordot tile transpose unstack where zeros_like"
)
_IMAGE = (
    "central_crop crop_to_bounding_box flip_left_right flip_up_down grayscale_to_rgb "
    "pad_to_bounding_box per_image_standardization resize resize_with_pad rgb_to_grayscale rot90"
)
_TF1_ONLY = (
    "ceil depth_to_space div erf floor_div log log1p mod rsqrt space_to_depth squared_difference "
    "to_float to_int32 image.resize_area image.resize_bicubic image.resize_bilinear "
    "image.resize_images image.resize_nearest_neighbor"
)
_BACKEND = (
    "abs all any argmax argmin batch_dot batch_flatten cast cast_to_floatx clip concatenate "
    "constant cos cumprod cumsum dot elu epsilon equal exp expand_dims flatten floatx gather "
    "greater greater_equal int_shape l2_normalize less less_equal log max maximum mean min minimum "
    "ndim not_equal one_hot ones_like permute_dimensions pow prod relu repeat repeat_elements "
    "reshape resize_images reverse round shape sigmoid sign sin softmax softplus softsign sqrt "
    "square squeeze stack std stop_gradient sum tanh tile transpose var zeros_like"
)
_OPS_NUMPY = (
    "abs absolute add all any argmax argmin average clip concatenate cos cumsum divide dot einsum "
    "equal exp expand_dims expm1 flip floor ceil greater greater_equal hstack less less_equal log "
    "log1p matmul max maximum mean min minimum mod moveaxis multiply negative not_equal ones_like "
    "pad power prod ravel reciprocal repeat reshape roll round sign sin split sqrt square squeeze "
    "stack std subtract sum swapaxes take tanh tensordot tile transpose true_divide vstack var "
    "where zeros_like logical_and logical_not logical_or"
)
_OPS_NN = (
    "average_pool celu elu gelu hard_sigmoid hard_silu hard_swish leaky_relu log_sigmoid "
    "log_softmax max_pool moments normalize one_hot relu relu6 selu sigmoid silu softmax softplus "
    "softsign swish"
)
_OPS_CORE = "cast convert_to_tensor shape slice stop_gradient unstack"
_ACTIVATIONS = "elu gelu linear relu selu sigmoid silu softmax softplus softsign swish tanh"


def _under(prefix: str, names: str) -> set[str]:
    return {f"{prefix}{name}" for name in names.split()}


FUNCTIONS: Mapping[str, frozenset[str]] = {
    "tf": frozenset(
        _under("", _TF) - _under("", _TF1_ONLY)
        | _under("math.", _MATH)
        | _under("nn.", _NN)
        | _under("image.", _IMAGE)
        | _under("linalg.", "einsum l2_normalize matmul matrix_transpose norm normalize tensordot")
    ),
    "tf1": frozenset(
        _under("", f"{_TF} {_TF1_ONLY}")
        | _under("math.", _MATH)
        | _under("nn.", _NN) - {"nn.gelu"}
        | _under("image.", _IMAGE) - {"image.resize_with_pad"}
    ),
    "K": frozenset(_under("", _BACKEND)),
    "ops": frozenset(
        _under("", f"{_OPS_NUMPY} {_OPS_NN} {_OPS_CORE} logsumexp rsqrt erf norm top_k")
        | _under("nn.", _OPS_NN)
        | _under("numpy.", _OPS_NUMPY)
        | _under("image.", "resize rgb_to_grayscale pad_images crop_images")
        | _under("linalg.", "norm")
    ),
    "activations": frozenset(_under("", _ACTIVATIONS)),
    "np": frozenset(_under("", "array asarray float32 float64 int32 int64 sqrt log exp prod")),
    "math": frozenset(_under("", "sqrt log exp floor ceil")),
    "python": frozenset(_under("", "abs float int len list tuple")),
}
# Members that are plain values.
_TYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 bool"
_METHODS = {"BILINEAR": "bilinear", "NEAREST_NEIGHBOR": "nearest", "BICUBIC": "bicubic"}
_CONSTANTS: Mapping[str, Any] = {
    **{f"{root}.{name}": name for root in ("tf", "tf1") for name in _TYPES.split()},
    **{f"tf.image.ResizeMethod.{name}": value for name, value in _METHODS.items()},
    **{f"tf1.image.ResizeMethod.{name}": value for name, value in _METHODS.items()},
    "tf.newaxis": None,
    "tf1.newaxis": None,
    "np.newaxis": None,
    "np.pi": math.pi,
    "np.e": math.e,
    "np.inf": math.inf,
    "math.pi": math.pi,
    "math.e": math.e,
}
# Functions that are also passed as a value: a dtype.
VALUES: Mapping[str, Any] = {f"np.{n}": n for n in ("float32", "float64", "int32", "int64")}
# Customary names of modules, as globals of a body.
MODULES: Mapping[str, str] = {
    "tf": "tf",
    "tensorflow": "tf",
    "K": "K",
    "backend": "K",
    "keras": "keras",
    "ops": "ops",
    "np": "np",
    "numpy": "np",
    "math": "math",
    **{name: f"python.{name}" for name in FUNCTIONS["python"]},
}
_ALIASES = {
    "tensorflow": "tf",
    "numpy": "np",
    "tf_keras": "keras",
    "tf.keras": "keras",
    "tf.python": "tf.python",
    "tf.python.keras": "keras",
    "tf.compat": "tf.compat",
    "tf.compat.v1": "tf1",
    "tf.compat.v2": "tf",
    "tf1.keras": "keras",
    "keras.backend": "K",
    "keras.ops": "ops",
    "keras.activations": "activations",
    "keras": "keras",
    "math": "math",
}


@dataclass(frozen=True)
class Module:
    """A module, or a function in it, that a body names.

    Attributes:
        path: canonical dotted name.
    """

    path: str

    @property
    def callable(self) -> bool:
        """It is one of FUNCTIONS."""
        root, _, name = self.path.partition(".")
        return name in FUNCTIONS.get(root, ())


_PREFIXES = {
    f"{root}.{name.rpartition('.')[0]}" for root, names in FUNCTIONS.items() for name in names
} | {"tf.image.ResizeMethod", "tf1.image.ResizeMethod"}


def module(dotted: str) -> Module:
    """Return a module by its full name, as an import statement says it.

    Raises:
        BodyError: it is none of tensor functions.
    """
    first, *rest = dotted.split(".")
    if first not in _ALIASES:
        raise BodyError(f"it imports {dotted}")
    found: Any = Module(_ALIASES[first])
    for name in rest:
        found = member(found, name)
    if not isinstance(found, Module):
        raise BodyError(f"it imports {dotted}")
    return found


def member(of: Module, name: str) -> Any:
    """Return a member of a module: a `Module`, or the value of a constant.

    Raises:
        BodyError: it is none of tensor functions.
    """
    path = f"{of.path}.{name}"
    if path in _CONSTANTS:
        return _CONSTANTS[path]
    path = _ALIASES.get(path, path)
    root, _, inner = path.partition(".")
    if root == "tf" and inner not in FUNCTIONS["tf"] and inner in FUNCTIONS["tf1"]:
        path = f"tf1.{inner}"
    if path in _ALIASES.values() or path in _PREFIXES or Module(path).callable:
        return Module(path)
    raise BodyError(f"it uses {path}")


def resolver(package: Any, given: Mapping[str, Any]) -> Callable[[str], Callable[..., Any]]:
    """Return the lookup of canonical names for `body.compute`.

    Args:
        package: the module `keras` or `tf_keras`.
        given: functions of the user by name.
    """

    def find(path: str) -> Callable[..., Any]:
        if path in given:
            return given[path]  # type: ignore[no-any-return]
        root, _, name = path.partition(".")
        if name not in FUNCTIONS.get(root, ()):
            raise BodyError(f"it uses {path}")
        found = _ROOTS[root](package)
        for part in name.split("."):
            found = found[part] if isinstance(found, dict) else getattr(found, part)
        return found  # type: ignore[no-any-return]

    return find


def _tensorflow(_: Any) -> Any:
    import tensorflow as tf

    return tf


def backend(package: Any) -> Any:
    """Return `keras.backend` as Keras 2 had it."""
    if package.__name__ == "keras":  # Keras 3 keeps what Keras 2 had there, by TensorFlow's ops
        old = dict(vars(importlib.import_module("keras.src.legacy.backend")))
        newer = {n: getattr(package.backend, n) for n in ("epsilon", "floatx")}
        return SimpleNamespace(**old | newer)
    return package.backend


_PYTHON = {"abs": abs, "float": float, "int": int, "len": len, "list": list, "tuple": tuple}
_ROOTS: Mapping[str, Callable[[Any], Any]] = {
    "tf": _tensorflow,
    "tf1": lambda package: _tensorflow(package).compat.v1,
    "K": backend,
    "ops": lambda package: package.ops,
    "activations": lambda package: package.activations,
    "np": lambda package: np,
    "math": lambda package: math,
    "python": lambda package: _PYTHON,
}
