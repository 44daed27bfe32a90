"""The step that shapes what the application reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from litesmith.data import Array
from litesmith.data.per_port import by_port
from litesmith.errors import InputError
from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.step import Progress, silent
from litesmith.interface.cut import cut_before
from litesmith.interface.detections import detections, parse_detections
from litesmith.interface.ends import with_outputs
from litesmith.interface.heads import Made, parse_head
from litesmith.interface.merge import merged, parse_merge
from litesmith.interface.translation import Batch, Reshaped, Shaped, Specs, Translation


@dataclass(frozen=True)
class ShapeOutputs:
    """Shape what the application reads: cut, then merge, then put heads on, then detect.

    Attributes:
        heads: a head for every output, or "NAME:HEAD" each.
        merge: "NAME=A,B": outputs that become one, side by side along the last axis.
        nms: "boxes=A,scores=B,…": see `detections`; "" for none.
        cut_before: an op, layer or tensor that the file ends before; "" for none.
    """

    heads: tuple[str, ...] = ()
    merge: tuple[str, ...] = ()
    nms: str = ""
    cut_before: str = ""
    name: str = "outputs"

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Shaped:
        """Return the graph with the outputs that the application reads.

        Raises:
            InputError: an option does not fit the outputs. ConversionError: a head does not.
        """
        self._refuse_after_cut()
        parts: list[Reshaped] = []
        if self.cut_before:
            parts.append(cut_before(graph, self.cut_before))
        for text in self.merge:
            parts.append(merged(_last(graph, parts), *parse_merge(text)))
        if self.heads:
            parts.append(_with_heads(_last(graph, parts), self.heads))
        if self.nms:
            parts.append(detections(_last(graph, parts), parse_detections(self.nms)))
        parts = [part for part in parts if part.why]
        if not parts:
            return Shaped(graph, False, "nothing was asked for")
        return Shaped(
            _last(graph, parts),
            True,
            "; ".join(part.why for part in parts),
            tuple(notice for part in parts for notice in part.notices),
            readings=tuple(part.translation for part in parts),
        )

    def _refuse_after_cut(self) -> None:
        if self.cut_before and (self.heads or self.merge or self.nms):
            raise InputError(
                "--cut-before does not go together with --head, --merge or --nms: what is behind "
                "the cut proves the file, and it reads the values as they are cut.",
                "Export the cut file first (--quantize none), then shape that file's outputs.",
            )


def _last(graph: Graph, parts: list[Reshaped]) -> Graph:
    return parts[-1].graph if parts else graph


def _with_heads(graph: Graph, heads: tuple[str, ...]) -> Reshaped:
    names = graph.output_names()
    chosen = [parse_head(h) for h in by_port(heads, names, "--head", "keep", "output")]
    outputs: list[tuple[str, Tensor]] = []
    ops: list[Op] = []
    done: list[str] = []
    all_made: list[Made] = []
    for name, tensor, one in zip(names, graph.outputs, chosen, strict=True):
        made = one.head.make(graph, tensor, one.argument)
        outputs += [(name + suffix, new) for suffix, new in made.outputs]
        ops += made.ops
        done += [f"{name}: {made.why}"] if made.why else []
        all_made.append(made)
    shaped = with_outputs(graph, outputs, ops)
    return Reshaped(shaped, "; ".join(done), _translation(all_made, [n for n, _ in outputs]))


def _translation(made: list[Made], names: list[str]) -> Translation:
    readings = [one.reading for one in made]

    def read(old: Specs) -> Specs:
        specs = [s for spec, one in zip(old, readings, strict=True) for s in one.read(spec)]
        return tuple(replace(s, name=n) for s, n in zip(specs, names, strict=True))

    def answer(batch: Batch) -> list[Array]:
        pairs = zip(batch, readings, strict=True)
        return [new for values, one in pairs for new in one.answer(values)]

    def seen(answers: Batch, before: Batch) -> list[Array]:
        found: list[Array] = []
        left = list(answers)
        for values, one in zip(before, made, strict=True):
            count = len(one.outputs)
            found += one.reading.seen(left[:count], values)
            left = left[count:]
        return found

    return Translation(read=read, answer=answer, seen=seen)
