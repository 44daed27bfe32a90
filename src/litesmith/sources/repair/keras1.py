"""Configurations of Keras 1.x → Keras 2: renamed classes and arguments.

Initializers, regularizers and constraints are dropped: training alone uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from litesmith.sources.repair.nodes import Node, name, nodes
from litesmith.sources.repair.repair import Config, Repair

_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "TimeDistributed",
}
_TRAINING_ONLY = (
    *("init", "inner_init", "forget_bias_init", "beta_init", "gamma_init"),
    *("W_regularizer", "b_regularizer", "U_regularizer", "W_constraint", "b_constraint"),
    *("U_constraint", "depthwise_init", "pointwise_init", "depthwise_regularizer"),
    *("pointwise_regularizer", "consume_less", "weights", "input_dtype_"),
)
_ARGUMENTS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "filter_length": "kernel_size",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "bias": "use_bias",
    "pool_length": "pool_size",
    "input_dtype": "dtype",
}
# Arguments whose new name depends on the class.
_BY_CLASS: Mapping[str, Mapping[str, str]] = {
    "Dense": {"output_dim": "units"},
    "LSTM": {"output_dim": "units"},
    "GRU": {"output_dim": "units"},
    "SimpleRNN": {"output_dim": "units"},
    "Dropout": {"p": "rate"},
    "GaussianDropout": {"p": "rate"},
    "SpatialDropout1D": {"p": "rate"},
    "SpatialDropout2D": {"p": "rate"},
    "SpatialDropout3D": {"p": "rate"},
    "GaussianNoise": {"sigma": "stddev"},
    "MaxPooling1D": {"stride": "strides"},
    "AveragePooling1D": {"stride": "strides"},
    "UpSampling1D": {"length": "size"},
}
_KERNELS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_ORDERS = {"th": "channels_first", "tf": "channels_last"}
_SURE = {*_CLASSES, "Merge"}
_SIGNS = {
    *("nb_filter", "border_mode", "dim_ordering", "nb_row", "inner_activation", "inner_init"),
    *("W_regularizer", "subsample", "filter_length", "pool_length", "consume_less"),
}


def is_keras1(node: Node) -> bool:
    """Return True for a layer that only Keras 1 can have written."""
    config = node["config"]
    renamed = _BY_CLASS.get(str(node["class_name"]), {})
    return (
        node["class_name"] in _SURE
        or any(key in config for key in _SIGNS)
        or any(old in config and new not in config for old, new in renamed.items())
        or (node["class_name"] == "BatchNormalization" and "mode" in config)
    )


def fix(config: Config) -> Iterator[str]:
    """Rewrite every layer that only Keras 1 can have written."""
    for node in list(nodes(config)):
        if node["class_name"] != "Merge" and is_keras1(node):
            _rewrite(node)
            yield name(node)


def _rewrite(node: Node) -> None:
    old = str(node["class_name"])
    new = _CLASSES.get(old, old)
    node["class_name"] = new
    config: Config = node["config"]
    if config.get("forget_bias_init") is not None:
        config["unit_forget_bias"] = config["forget_bias_init"] == "one"
    for key in _TRAINING_ONLY:
        config.pop(key, None)
    for sizes in _KERNELS:
        if all(key in config for key in sizes):
            config["kernel_size"] = [config.pop(key) for key in sizes]
    for before, after in (*_ARGUMENTS.items(), *_BY_CLASS.get(new, {}).items()):
        if before in config:
            config[after] = config.pop(before)
    if "data_format" in config:
        config["data_format"] = _ORDERS.get(config["data_format"], config["data_format"])
    special = _SPECIAL.get(old)
    if special is not None:
        special(node, config)


def _batch_norm(_: Node, config: Config) -> None:
    if config.pop("mode", 0):
        config["mode_of_keras_1"] = "per sample"  # refused by name: no Keras of today has it


def _atrous(_: Node, config: Config) -> None:
    config.pop("strides", None)


def _deconvolution(_: Node, config: Config) -> None:
    config.pop("output_shape", None)  # follows from strides and padding


def _embedding(_: Node, config: Config) -> None:
    config.pop("dropout", None)


def _dense_per_step(node: Node, config: Config) -> None:
    inner: Config = {k: config[k] for k in ("activation", "use_bias") if k in config}
    units = config.pop("output_dim", None)
    dense: Node = {"class_name": "Dense", "config": {"units": units, "name": "dense", **inner}}
    kept = {k: v for k, v in config.items() if k in ("name", "trainable", "batch_input_shape")}
    node["config"] = kept | {"layer": dense}


_SPECIAL: dict[str, Callable[[Node, Config], None]] = {
    "BatchNormalization": _batch_norm,
    "AtrousConvolution1D": _atrous,
    "AtrousConvolution2D": _atrous,
    "Deconvolution2D": _deconvolution,
    "Embedding": _embedding,
    "TimeDistributedDense": _dense_per_step,
}

KERAS_1 = Repair("Keras 1 arguments", "Layers of Keras 1 were read as those of Keras 2", fix)
