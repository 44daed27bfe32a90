"""One readable sentence out of what third parties raise."""

from __future__ import annotations

import re

_LONGEST = 220


def reason(error: BaseException) -> str:
    """Return the first sentence of what broke, without configuration dumps and line breaks."""
    text = str(error).split("Exception encountered:")[-1]  # Keras wraps the cause
    text = re.sub(r"\bconfig=\{.*", "", text, flags=re.S)
    text = re.split(r"(?<=[^.]{20}[.!?]) ", " ".join(text.split()))[0].rstrip(". ")
    return (text[:_LONGEST] + "…" if len(text) > _LONGEST else text) or type(error).__name__
