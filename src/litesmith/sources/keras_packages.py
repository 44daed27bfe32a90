"""Packages of the Keras team, whose layers a file may hold: imported when installed, else named.

Keras 3 itself imports these, and no others, because a file says so, and takes nothing of them but
classes of Keras objects.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

from litesmith.errors import LoadError
from litesmith.sources.repair.nodes import objects
from litesmith.sources.tensorflow import Keras

# Module → what pip calls it.
PACKAGES = {"keras_hub": "keras-hub", "keras_nlp": "keras-nlp", "keras_cv": "keras-cv"}


def import_packages(config: Any, keras: Keras, title: str) -> tuple[str, ...]:
    """Import the packages of the Keras team whose classes a configuration names.

    Args:
        config: the stored model configuration.
        keras: the loader; of the two only Keras 3 knows them by name.
        title: the loader's, for the sentence.

    Returns:
        Those that the loader may take classes from.

    Raises:
        LoadError: one is not installed, or cannot be imported.
    """
    if keras != "keras":
        return ()
    found = tuple(dict.fromkeys(_named(config)))
    for module in found:
        if module in sys.modules:
            continue
        if importlib.util.find_spec(module) is None:
            raise LoadError(
                f"{title}: its layers are of the package {PACKAGES[module]}, which is not "
                "installed here"
            )
        try:
            with contextlib.redirect_stdout(sys.stderr):
                importlib.import_module(module)
        except Exception as error:  # the adapter of a package that may not fit this TensorFlow
            text = " ".join(f"{type(error).__name__}: {error}".split())[:150]
            raise LoadError(
                f"{title}: the package {PACKAGES[module]} cannot be imported here ({text})"
            ) from error
    return found


def _named(config: Any) -> Iterator[str]:
    """Yield the packages that a configuration's objects are of, by module or by registered name."""
    for node in objects(config):
        for text in (node.get("module"), node.get("registered_name"), node.get("class_name")):
            if isinstance(text, str):
                root = text.split(">")[0].split(".")[0]
                if root in PACKAGES:
                    yield root
