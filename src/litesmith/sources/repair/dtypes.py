"""Policies of mixed, half and double precision → float32, in which .tflite kernels compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litesmith.sources.repair.nodes import name, nodes
from litesmith.sources.repair.repair import Config, Repair

_OTHERS = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")


def _policy_name(dtype: Any) -> str | None:
    """Return the name of a dtype policy written as a dictionary."""
    inner = dtype.get("config") if isinstance(dtype, dict) else None
    found = inner.get("name") if isinstance(inner, dict) else None
    return found if isinstance(found, str) else None


def _others(config: Config) -> Iterator[str]:
    for node in nodes(config):
        dtype = node["config"].get("dtype")
        if (_policy_name(dtype) or dtype) in _OTHERS:
            node["config"]["dtype"] = "float32"
            yield name(node)


def _policies(config: Config) -> Iterator[str]:
    for node in nodes(config):
        found = _policy_name(node["config"].get("dtype"))
        if found is not None and not found.startswith(("int", "float8")):
            node["config"]["dtype"] = found
            yield name(node)


DTYPES = (
    Repair("other precision", "Layers of 16- or 64-bit precision compute in float32", _others),
    Repair("dtype policies", "dtype policies were read by their names", _policies),
)
