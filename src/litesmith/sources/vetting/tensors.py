"""Values larger than any device holds: LiteRT would fill memory with them before it complains."""

from __future__ import annotations

from litesmith.errors import LoadError
from litesmith.graph import Graph

_LARGEST = 2**32  # bytes


def refuse_huge(graph: Graph) -> None:
    """Look at every tensor of a .tflite, of called graphs and siblings too.

    Raises:
        LoadError: one claims more than 4 GiB.
    """
    for part in graph.graphs():
        for tensor in part.tensors():
            size = tensor.memory_bytes
            if size > _LARGEST:
                raise LoadError(
                    f"The .tflite is damaged: its tensor '{tensor.name}' of shape "
                    f"{list(tensor.shape)} would take {size / 1e9:.0f} GB.",
                    "Export or download the file again.",
                )
