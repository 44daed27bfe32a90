"""The step that shapes what the application feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litesmith.data import TensorSpec
from litesmith.graph import Graph, Tensor
from litesmith.graph.step import Progress, silent
from litesmith.interface import layout
from litesmith.interface.per_port import by_port
from litesmith.interface.translation import Batch, Shaped, Specs, Translation


@dataclass(frozen=True)
class ShapeInputs:
    """Shape what the application feeds.

    Attributes:
        layout: "nhwc" or "nchw", per input "NAME:nchw"; the model itself reads nhwc.
    """

    layout: tuple[str, ...] = ()
    name: str = "inputs"

    def translation(self, specs: Specs) -> Translation:
        """Return the change in NumPy.

        Args:
            specs: what is fed without this step.

        Raises:
            InputError: an option does not fit the inputs.
        """
        first = self._channels_first(specs)

        def fed(old: Specs) -> Specs:
            return tuple(
                layout.channels_first(s) if c else s for s, c in zip(old, first, strict=True)
            )

        def feed(batch: Batch) -> list[Any]:
            return [
                layout.to_channels_last(x) if c else x for x, c in zip(batch, first, strict=True)
            ]

        return Translation(fed=fed, feed=feed)

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Shaped:
        """Return the graph with the inputs that the application feeds.

        Raises:
            InputError: an option does not fit the inputs.
        """
        specs = specs_of(graph.input_names(), graph.inputs)
        translation = self.translation(specs)
        done = []
        for position, channels_first in enumerate(self._channels_first(specs)):
            if channels_first:
                graph = layout.feed_channels_first(graph, position)
                done.append(f"{specs[position].name} is fed as nchw")
        return Shaped(
            graph, bool(done), "; ".join(done) or "nothing was asked for", translation=translation
        )

    def _channels_first(self, specs: Specs) -> tuple[bool, ...]:
        names = [spec.name for spec in specs]
        chosen = by_port(self.layout, names, "--input-layout", "nhwc", "input")
        return tuple(layout.is_channels_first(c, s) for c, s in zip(chosen, specs, strict=True))


def specs_of(names: tuple[str, ...], tensors: tuple[Tensor, ...]) -> Specs:
    """Return a graph's own ends as specs; open dimensions are None."""
    return tuple(
        TensorSpec(
            name,
            tuple(None if size < 0 else size for size in t.shape_signature or t.shape),
            t.dtype.numpy.name,
        )
        for name, t in zip(names, tensors, strict=True)
    )
