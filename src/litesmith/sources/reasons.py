"""One readable sentence out of what third parties raise, and what the user can do about it."""

from __future__ import annotations

import importlib.util
import re
import sys

_LONGEST = 220
_UNKNOWN = re.compile(
    r"Unknown (?:layer|object|initializer|regularizer|constraint|[\w ]*function)[^'\"]*"
    r"['\"](?P<a>[\w>.]+)['\"]"
    r"|Could not locate (?:class|function) ['\"](?P<b>[\w>.]+)['\"]"
    r"|Could not deserialize (?:class|function) ['\"](?P<c>[\w>.]+)['\"]"
    r"|Could not interpret [\w ]*identifier:? ['\"]?(?P<d>[\w>.]+)"
)
# As vetting says it.
_MODULE = re.compile(
    r"Could not locate (?:class|function) '(?P<name>[^']*)'(?P<more> \(nor [^)]*\))?"
    r" of the module (?P<module>[\w.]+),"
)
# What a loader says → what the user can do.
_ADVICE: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"[Uu]nrecognized keyword|not understood|unexpected keyword argument"),
        "it was saved by another release: save it again as a SavedModel (model.export), "
        "or build it in code: --builder py:file.py:function",
    ),
    (
        re.compile(
            r"got no weight|have no place|count mismatch|variables? during loading|but received"
            r"|[Ss]hape mismatch|incompatible shape|not compatible with|could not be loaded"
        ),
        "its weights are not those of the model it describes: save the whole model again, "
        "or build the right one: --builder py:file.py:function",
    ),
    (
        re.compile(r"loads inputs"),
        "build it in code: --builder py:file.py:function takes the file's weights",
    ),
    (
        re.compile(r"lambda|safe_mode|arbitrary code", re.I),
        "give the function: --custom-objects py:file.py:name, or run it: --trust",
    ),
    (
        re.compile(r"is not installed here"),
        "install it beside litesmith, or build the model in code: --builder py:file.py:function",
    ),
    (re.compile(r"No module named|cannot be imported"), "install that package"),
)


def reason(error: BaseException) -> str:
    """Return the first sentence of what broke, without configuration dumps and line breaks."""
    text = str(error).split("Exception encountered:")[-1]  # Keras wraps the cause
    text = re.sub(r"\bconfig=\{.*", "", text, flags=re.S)
    text = re.split(r"(?<=[^.]{20}[.!?]) ", " ".join(text.split()))[0].rstrip(". ")
    return (text[:_LONGEST] + "…" if len(text) > _LONGEST else text) or type(error).__name__


def advised(line: str) -> str:
    """Return what a loader said with what the user can do about it, where that is known."""
    what = _specific(line)
    return f"{line} → {what}" if what and not line.endswith(what) else line


def advice(lines: list[str]) -> str:
    """Return what the user can do about loaders that all failed."""
    for line in lines:
        what = _specific(line)
        if what:
            return what[:1].upper() + what[1:] + "."
    return (
        "If its layers are your own code: --custom-objects py:file.py:Name; "
        "a model built in code: --builder py:file.py:function; or export it as a SavedModel."
    )


def _specific(line: str) -> str:
    listed = _MODULE.search(line)
    if listed is not None:
        return _code_of(listed["name"], listed["module"], several=listed["more"] is not None)
    found = _UNKNOWN.search(line)
    name = next((n for n in found.groups() if n), "").split(">")[-1] if found else ""
    if name and not _is_builtin(name):
        return f"give its code: --custom-objects py:file.py:{name}"
    return next((what for pattern, what in _ADVICE if pattern.search(line)), "")


def _code_of(name: str, module: str, *, several: bool) -> str:
    """Return how to give the code of a class: from its own module where that is installed."""
    root = module.split(".")[0]
    try:
        installed = root != "__main__" and importlib.util.find_spec(root) is not None
    except (ImportError, ValueError):
        installed = False
    place = module if installed else "file.py"
    return "give its code: --custom-objects py:" + (place if several else f"{place}:{name}")


def _is_builtin(name: str) -> bool:
    """Return True for a class of Keras itself, which one Keras has and the other does not."""
    for package in ("keras", "tf_keras"):
        module = sys.modules.get(package)
        for part in ("layers", "models", "activations", "initializers"):
            if hasattr(getattr(module, part, None), name):
                return True
    return name in ("Functional", "TFOpLambda", "SlicingOpLambda", "Merge")
