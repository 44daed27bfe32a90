"""The architecture of a weights-only file, in a JSON or YAML file beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from litesmith.errors import LoadError

_LONGEST = 64 << 20
_ENDINGS = (".json", ".yaml", ".yml")
_TAILS = (".weights", "_weights", "-weights", ".model", "")
_USUAL = ("model", "architecture", "config", "model_config", "model_architecture", "arch")


def architecture_beside(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the file that describes the model whose weights `path` holds, and what it says.

    Looked for are the file's own name with another ending, then the usual names, then a file that
    is the only one of its folder to describe a model.

    Raises:
        LoadError: it is YAML, and no YAML reader is installed.
    """
    for candidate in _candidates(path):
        found = _read(candidate)
        if found is not None:
            return candidate, found
    every = [
        (p, c)
        for ending in _ENDINGS
        for p in sorted(path.parent.glob(f"*{ending}"))[:50]
        if (c := _read(p)) is not None
    ]
    return every[0] if len(every) == 1 else None


def _candidates(path: Path) -> Iterator[Path]:
    stem = path.name.rsplit(".", 1)[0]
    stems = [stem.removesuffix(tail) for tail in _TAILS if stem.endswith(tail)]
    for name in [*dict.fromkeys([stem, *stems]), *_USUAL]:
        yield from (path.parent / f"{name}{ending}" for ending in _ENDINGS)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST:
            return None
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else _yaml(path, text)
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(found, str):  # to_json() written by json.dump is JSON in JSON
        try:
            found = json.loads(found)
        except ValueError:
            return None
    described = isinstance(found, dict) and isinstance(found.get("class_name"), str)
    return found if described and isinstance(found.get("config"), dict | list) else None


def _yaml(path: Path, text: str) -> Any:
    """Read YAML with a loader that makes plain values only; `!!python/tuple` becomes a list."""
    if "class_name" not in text:
        return None
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise LoadError(
            f"{path} describes the model in YAML, which needs the package pyyaml.",
            "pip install pyyaml, or --builder py:file.py:function.",
        ) from error

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """Makes plain values only."""

    Plain.add_constructor("tag:yaml.org,2002:python/tuple", Plain.construct_sequence)
    for kind in ("unicode", "str"):
        Plain.add_constructor(f"tag:yaml.org,2002:python/{kind}", Plain.construct_scalar)
    try:
        return yaml.load(text, Loader=Plain)
    except yaml.YAMLError:
        return None
