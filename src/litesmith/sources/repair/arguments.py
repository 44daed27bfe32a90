"""Arguments that one Keras writes and the other does not take, where they say nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Any

from litesmith.sources.repair.nodes import name, nodes, objects
from litesmith.sources.repair.repair import Config, Repair

# Argument → the values that mean nothing; None instead of a tuple: no value matters to inference.
NEUTRAL: dict[str, tuple[Any, ...] | None] = {
    "groups": (1, None),
    "time_major": (False,),
    "ragged": (False, None),
    "sparse": (False, None),
    "optional": (False, None),
    "trainable": None,
    "implementation": None,
    "input_length": None,
    "renorm": (False,),
    "renorm_clipping": None,
    "renorm_momentum": None,
    "fused": None,
    "virtual_batch_size": (None,),
    "synchronized": None,
    "experimental_autocast": None,
    "quantization_config": (None,),
    "batch_size": None,
    "output_padding": (None,),
    "num_gpus": None,
    "noise_shape": (None,),
    "seed": None,
    "time_step": None,
    "return_runtime": None,
    "cpu_merge": None,
    "cpu_relocation": None,
    "lora_rank": (None,),
    "use_cudnn": None,
    "swap_memory": None,
    "zero_output_for_mask": (False,),
}
_KERAS_3_REFUSES: dict[str, tuple[str, ...]] = {
    "groups": (
        *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    ),
    "time_major": ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"),
    "trainable": ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    "implementation": ("LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell"),
    "input_length": ("Embedding",),
}
_RECEIVED = re.compile(
    r"(?:Unrecognized keyword arguments?(?: passed to (?P<class>\w+))?: ?(?P<dict>\{[^}]*\})"
    r"|Keyword arguments? not understood:?'?,? ?'(?P<one>\w+)'"
    r"|got an unexpected keyword argument '(?P<other>\w+)')"
)


def _drop(argument: str) -> Repair:
    classes = _KERAS_3_REFUSES[argument]

    def fix(config: Config) -> Iterator[str]:
        for node in nodes(config):
            if node["class_name"] in classes and _is_neutral(argument, node["config"]):
                del node["config"][argument]
                yield name(node)

    says = f"The argument '{argument}', which changes nothing, was dropped"
    return Repair(f"'{argument}' of layers that lack it", says, fix, ("keras",))


def _is_neutral(argument: str, config: Config) -> bool:
    if argument not in config:
        return False
    values = NEUTRAL.get(argument, (None, False))
    return values is None or config[argument] in values


def _axes(config: Config) -> Iterator[str]:
    for node in nodes(config):
        axis = node["config"].get("axis")
        batch_norm = node["class_name"].startswith("BatchNormalization")
        if batch_norm and isinstance(axis, list) and len(axis) == 1:
            node["config"]["axis"] = axis[0]
            yield name(node)


AXES = Repair("axis as a list", "The axis of batch norms was read from a list", _axes, ("keras",))
REFUSED_BY_KERAS_3 = tuple(_drop(argument) for argument in _KERAS_3_REFUSES)


def drop_unknown(message: str, config: Config) -> str | None:
    """Drop the arguments that a loader's message calls unknown, where they say nothing.

    Args:
        message: what the loader raised.
        config: changed in place.

    Returns:
        The sentence that tells it; None when nothing can be dropped.
    """
    found = _RECEIVED.search(message)
    if found is None:
        return None
    names = _keys(found)
    kind = found["class"]
    places = [
        f"{argument} of {name(node)}"
        for node in objects(config)
        for argument in names
        if isinstance(node.get("config"), dict)
        and kind in (None, node["class_name"])
        and _is_neutral(argument, node["config"])
    ]
    for node in objects(config):
        for argument in names:
            inner = node.get("config")
            fits = kind in (None, node["class_name"])
            if isinstance(inner, dict) and fits and _is_neutral(argument, inner):
                del inner[argument]
    if not places:
        return None
    listed = ", ".join(places[:3]) + (" …" if len(places) > 3 else "")
    return f"Arguments unknown to this Keras, which change nothing, were dropped ({listed})."


def _keys(found: re.Match[str]) -> Iterable[str]:
    if found["dict"] is None:
        return [found["one"] or found["other"]]
    try:
        return list(ast.literal_eval(found["dict"]))
    except (ValueError, SyntaxError):
        return re.findall(r"'(\w+)':", found["dict"])
