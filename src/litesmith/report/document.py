"""A result as the one JSON document of the contract."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def document(result: Any) -> dict[str, Any]:
    """Return a report as plain JSON values: keys in the nouns' order, numbers finite or null."""
    plain = _plain(result)
    if not isinstance(plain, dict):
        raise TypeError(f"not a report: {type(result).__name__}")
    return plain


def to_json(result: Any) -> str:
    """Return the report as one JSON document."""
    return json.dumps(document(result), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (str, int)):
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
