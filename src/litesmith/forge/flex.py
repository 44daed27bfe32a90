"""Files with select-TF ops, kept because --allow-flex asked: who runs them, and what is said."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.errors import ConversionError
from litesmith.graph import Graph
from litesmith.graph.flex import flex_ops
from litesmith.graph.step import Notice
from litesmith.quantize import find_scheme
from litesmith.runtime import Session
from litesmith.sources import FileSession, Source


def session_of(model: bytes, graph: Graph, opened: Source) -> FileSession:
    """Return a file ready to run: on LiteRT, or in the source's child where it needs TensorFlow.

    Raises:
        LoadError: LiteRT refuses it. ConversionError: nothing here can run its select-TF ops.
    """
    return opened.session(model) if flex_ops(graph) else Session(model)


def refuse_int8(graph: Graph, scheme: str) -> None:
    """Refuse ranges for a graph that LiteRT cannot run to find them.

    Raises:
        ConversionError: integer activations of a graph with select-TF ops.
    """
    if find_scheme(scheme).integer and flex_ops(graph):
        raise ConversionError(
            f"--quantize {scheme} needs a graph of builtin ops; this one keeps {_listed(graph)}.",
            "Use --quantize dynamic or float16.",
        )


def notices(graph: Graph) -> Iterator[Notice]:
    """Say what a file with select-TF ops asks of the application."""
    if flex_ops(graph):
        yield Notice(
            "flex",
            f"Plain LiteRT refuses this file: {_listed(graph)} needs TensorFlow's own kernels. It "
            "was proved with them; its latency was not measured.",
            "Link the select-TF runtime (tensorflow-lite-select-tf-ops) into the application.",
        )


def _listed(graph: Graph) -> str:
    return ", ".join(flex_ops(graph))
