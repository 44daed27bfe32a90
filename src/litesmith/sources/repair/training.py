"""What only training uses and what breaks loading: optimizers, losses, initializers of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litesmith.sources.repair.nodes import name, nodes
from litesmith.sources.repair.repair import Config, Repair

_KNOWN = {
    *("zeros", "ones", "constant", "randomnormal", "randomuniform", "truncatednormal"),
    *("variancescaling", "orthogonal", "identity", "lecununiform", "lecunnormal", "glorotnormal"),
    *("glorotuniform", "henormal", "heuniform", "zero", "one", "normal", "uniform", "eye"),
    *("identityinitializer", "orthogonalinitializer", "l1", "l2", "l1l2", "l1_l2"),
    *("orthogonalregularizer", "maxnorm", "minmaxnorm", "nonneg", "unitnorm"),
    *("randomnormalv1", "truncatednormalv1", "stftinitializer"),
}
_SUFFIXES = ("_initializer", "_regularizer", "_constraint")


def _class(value: Any) -> str:
    found = value.get("class_name") if isinstance(value, dict) else value
    return str(found).replace("_", "").lower()


def _fix(config: Config) -> Iterator[str]:
    for node in nodes(config):
        inner = node["config"]
        for key in [k for k in inner if k.endswith(_SUFFIXES)]:
            if inner[key] is not None and _class(inner[key]) not in _KNOWN:
                del inner[key]
                yield f"{key} of {name(node)}"


def _compiled(config: Config) -> Iterator[str]:
    if config.pop("compile_config", None) is not None:
        yield "compile_config"


TRAINING = (
    Repair("custom initializers", "Settings that only training uses were dropped", _fix),
    Repair("old optimizer and loss", "Optimizer and loss were not read", _compiled),
)
