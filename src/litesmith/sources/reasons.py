"""One readable sentence out of what third parties raise."""

from __future__ import annotations

import re

_LONGEST = 220
_UNKNOWN = re.compile(
    r"Unknown (?:layer|object|[\w ]*function)[^'\"]*['\"]([\w>.]+)['\"]"
    r"|Could not locate (?:class|function) ['\"]([\w>.]+)['\"]"
)


def reason(error: BaseException) -> str:
    """Return the first sentence of what broke, without configuration dumps and line breaks."""
    text = str(error).split("Exception encountered:")[-1]  # Keras wraps the cause
    text = re.sub(r"\bconfig=\{.*", "", text, flags=re.S)
    text = re.split(r"(?<=[^.]{20}[.!?]) ", " ".join(text.split()))[0].rstrip(". ")
    return (text[:_LONGEST] + "…" if len(text) > _LONGEST else text) or type(error).__name__


def advice(lines: list[str]) -> str:
    """Return what the user can do about loaders that all failed."""
    for line in lines:
        found = _UNKNOWN.search(line)
        if found:
            name = (found[1] or found[2]).split(">")[-1]
            return f"Give its code: --custom-objects py:file.py:{name}"
    return (
        "If its layers are your own code: --custom-objects py:file.py:Name; "
        "a model built in code: --builder py:file.py:function; or export it as a SavedModel."
    )
