"""The step that shapes what the application reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from litesmith.data import Array
from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.step import Progress, silent
from litesmith.interface.ends import with_outputs
from litesmith.interface.heads import Chosen, parse_head
from litesmith.interface.per_port import by_port
from litesmith.interface.translation import Batch, Shaped, Specs, Translation


@dataclass(frozen=True)
class ShapeOutputs:
    """Shape what the application reads.

    Attributes:
        heads: a head for every output, or "NAME:HEAD" each.
    """

    heads: tuple[str, ...] = ()
    name: str = "outputs"

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Shaped:
        """Return the graph with the outputs that the application reads.

        Raises:
            InputError: an option does not fit the outputs. ConversionError: a head does not.
        """
        names = graph.output_names()
        chosen = [parse_head(h) for h in by_port(self.heads, names, "--head", "keep", "output")]
        outputs: list[tuple[str, Tensor]] = []
        ops: list[Op] = []
        done: list[str] = []
        for name, tensor, one in zip(names, graph.outputs, chosen, strict=True):
            made = one.head.make(graph, tensor, one.argument)
            outputs += [(name + suffix, new) for suffix, new in made.outputs]
            ops += made.ops
            done += [f"{name}: {made.why}"] if made.why else []
        if not done:
            return Shaped(graph, False, "nothing was asked for")
        shaped = with_outputs(graph, outputs, ops)
        translation = _translation(chosen, tuple(name for name, _ in outputs))
        return Shaped(shaped, True, "; ".join(done), translation=translation)


def _translation(chosen: list[Chosen], names: tuple[str, ...]) -> Translation:
    def read(old: Specs) -> Specs:
        specs = [
            s
            for old_spec, c in zip(old, chosen, strict=True)
            for s in c.head.read(old_spec, c.argument)
        ]
        return tuple(replace(s, name=n) for s, n in zip(specs, names, strict=True))

    def answer(batch: Batch) -> list[Array]:
        return [
            new
            for values, c in zip(batch, chosen, strict=True)
            for new in c.head.answer(values, c.argument)
        ]

    return Translation(read=read, answer=answer)
