"""The step that shapes what the application feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.data import Affine, TensorSpec
from litesmith.data.per_port import by_port
from litesmith.data.preprocess import given_preprocess
from litesmith.errors import InputError
from litesmith.graph import Graph, Tensor
from litesmith.graph.step import Progress, silent
from litesmith.interface.change import Change, applied
from litesmith.interface.channels import parse_channels
from litesmith.interface.feeds import with_feeds
from litesmith.interface.layout import layout
from litesmith.interface.resize import is_image, resize
from litesmith.interface.translation import Batch, Shaped, Specs, Translation
from litesmith.interface.types import cast, check_type
from litesmith.interface.values import ZEROS, embeddable, values


@dataclass(frozen=True)
class ShapeInputs:
    """Shape what the application feeds; each option for all inputs, or "NAME:…" per input.

    Attributes:
        preprocess: preprocessing to build in; such inputs are fed raw values.
        types: "float32", "uint8" or "int8": what raw values are fed in (int8: minus 128).
        channels: "rgb", "bgr", "rgba" or "gray"; "FED,READ" when the model reads others than rgb.
        size: "HxW[,bilinear|nearest]": the application's images, which the graph resizes.
        layout: "nhwc" or "nchw"; the model itself reads nhwc.
    """

    preprocess: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    name: str = "inputs"

    def translation(self, specs: Specs) -> Translation:
        """Return the change in NumPy.

        Args:
            specs: what is fed without this step.

        Raises:
            InputError: an option does not fit the inputs.
        """
        changes = self._changes(specs)

        def fed(old: Specs) -> Specs:
            return tuple(_fed(s, own) for s, own in zip(old, changes, strict=True))

        def feed(batch: Batch) -> list[Any]:
            parts = zip(batch, changes, specs, strict=True)
            return [_feed(x, own, spec) for x, own, spec in parts]

        return Translation(fed=fed, feed=feed)

    def left(self, preprocess: tuple[str, ...], specs: Specs) -> tuple[str, ...]:
        """Return what data must still undergo to be what the application feeds.

        Args:
            preprocess: what the model expects of raw values.
            specs: what the model reads.

        Raises:
            InputError: an option does not fit the inputs.
        """
        kinds = self._kinds(specs)
        built = given_preprocess(self.preprocess, specs)
        others = given_preprocess(preprocess, specs)
        parts = zip(specs, built, kinds, others, strict=True)
        left = [
            (spec.name, _left(mine is not None, kind, other.spec if other else "none"))
            for spec, mine, kind, other in parts
        ]
        return tuple(f"{name}:{what}" for name, what in left if what != "none")

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Shaped:
        """Return the graph with the inputs that the application feeds.

        Raises:
            InputError: an option does not fit the inputs.
        """
        specs = specs_of(graph.input_names(), graph.inputs)
        done = []
        for position, own in enumerate(self._changes(specs)):
            for change in own:
                graph = applied(graph, position, change)
            if own:
                done.append(f"{specs[position].name}: {', '.join(c.why for c in own)}")
        why = "; ".join(done) or "nothing was asked for"
        translation = self.translation(specs)
        if done:
            graph = with_feeds(graph, {s.name: s.feeds for s in translation.fed(specs)})
        return Shaped(graph, bool(done), why, translation=translation)

    def _changes(self, specs: Specs) -> tuple[tuple[Change, ...], ...]:
        """Return the changes of each input, the model's side first."""
        kinds = self._kinds(specs)
        built = given_preprocess(self.preprocess, specs)
        colors = _for_images(self.channels, specs, "--input-channels")
        sizes = _for_images(self.size, specs, "--input-size")
        layouts = _chosen(self.layout, specs, "--input-layout", "nhwc")
        found = []
        for i, spec in enumerate(specs):
            given = built[i]
            own: Affine | None = None if given is None else embeddable(given, spec)
            raw = own is not None and spec.dtype == "float32"
            changes = (
                values(spec, own if raw else None, parse_channels(colors[i], spec), kinds[i]),
                resize(sizes[i], spec),
                layout(layouts[i], spec),
                cast(kinds[i], spec) if raw else None,
            )
            found.append(tuple(c for c in changes if c is not None))
        return tuple(found)

    def _kinds(self, specs: Specs) -> tuple[str, ...]:
        """Return the type of each input; "float32" for those that are not fed raw values."""
        kinds = _chosen(self.types, specs, "--input-type", "float32")
        for kind in kinds:
            check_type(kind)
        return kinds


def _left(embedded: bool, kind: str, other: str) -> str:
    if not embedded:
        return other
    return f"scale=1,offset={-ZEROS[kind]}" if ZEROS[kind] else "none"


def _fed(spec: TensorSpec, changes: tuple[Change, ...]) -> TensorSpec:
    for change in changes:
        spec = change.fed(spec)
    return spec


def _feed(batch: Any, changes: tuple[Change, ...], spec: TensorSpec) -> Any:
    if not changes:
        return batch
    for change in reversed(changes):
        batch = change.feed(batch)
    return np.ascontiguousarray(batch, spec.dtype)


def _chosen(given: tuple[str, ...], specs: Specs, option: str, default: str) -> tuple[str, ...]:
    return by_port(given, [spec.name for spec in specs], option, default, "input")


def _for_images(given: tuple[str, ...], specs: Specs, option: str) -> tuple[str, ...]:
    """Return one value per input; what names no input is meant for images alone.

    Raises:
        InputError: no input is an image.
    """
    chosen = _chosen(given, specs, option, "")
    named = [any(text.startswith(f"{spec.name}:") for text in given) for spec in specs]
    meant = [n or is_image(spec) for n, spec in zip(named, specs, strict=True)]
    found = tuple(value if m else "" for value, m in zip(chosen, meant, strict=True))
    if given and not any(found):
        shapes = ", ".join(f"'{spec.name}' {spec.shape}" for spec in specs)
        raise InputError(f"{option}: no input is an image (height, width, channels): {shapes}.")
    return found


def specs_of(names: tuple[str, ...], tensors: tuple[Tensor, ...]) -> Specs:
    """Return a graph's own ends as specs; open dimensions are None, and so is a batch of images."""
    return tuple(
        TensorSpec(name, _sizes(t.shape_signature or t.shape), t.dtype.numpy.name)
        for name, t in zip(names, tensors, strict=True)
    )


def _sizes(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    sizes = tuple(None if size < 0 else size for size in shape)
    return (None, *sizes[1:]) if len(sizes) in (4, 5) else sizes
