"""What the inputs of a shaped file are fed, kept in the file: its own types cannot say it.

An int8 file that is fed raw bytes may have a scale and zero point that fold preprocessing in; code
that would quantize for them would preprocess twice. The metadata entry `litesmith_feeds` is JSON,
{input's name: words}; runtimes do not look at it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from litesmith.graph import Graph

NAME = "litesmith_feeds"
_RAW = "raw values"


def with_feeds(graph: Graph, feeds: Mapping[str, str]) -> Graph:
    """Return the graph with what its inputs are fed; names without words are left out."""
    told = {name: words for name, words in feeds.items() if words}
    others = tuple(item for item in graph.metadata if item[0] != NAME)
    entry = ((NAME, json.dumps(told).encode()),) if told else ()
    return graph.with_(metadata=(*others, *entry))


def read_feeds(graph: Graph) -> dict[str, str]:
    """Return what the inputs of a file are fed, {} for a file that does not say."""
    for name, content in graph.metadata:
        if name == NAME:
            try:
                found = json.loads(content)
            except ValueError:
                return {}
            names = set(graph.input_names())
            pairs = found.items() if isinstance(found, dict) else ()
            return {k: v for k, v in pairs if k in names and isinstance(v, str)}
    return {}


def is_raw(words: str) -> bool:
    """Return whether these words mean raw values."""
    return words.startswith(_RAW)
