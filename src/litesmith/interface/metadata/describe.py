"""The step that writes metadata, so that MediaPipe Tasks and other readers know the file's ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from litesmith.data import TensorSpec
from litesmith.data.preprocess import parse_preprocess
from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph, Tensor
from litesmith.graph.step import Notice, Outcome, Progress, silent
from litesmith.graph.tables import encode
from litesmith.interface.metadata import ports, text
from litesmith.interface.metadata.schema import (
    SCHEMA,
    SEGMENTER_IDENTIFIER,
    SEGMENTER_NAME,
    Activation,
    CustomMetadata,
    ModelMetadata,
    SegmenterOptions,
    SubGraphMetadata,
    TensorGroup,
    TensorMetadata,
)
from litesmith.interface.metadata.store import write_metadata
from litesmith.interface.metadata.tasks import (
    GENERAL,
    KINDS,
    TASKS,
    Facts,
    classes,
    detect,
    detection,
    obstacles,
    squashed_by,
)

_FROM_FOLDERS = Notice(
    "labels_from_folders",
    "The labels are the names of the folders of images, in alphabetical order.",
    "If the model numbers its classes otherwise, give --labels FILE.",
)


@dataclass(frozen=True)
class Describe:
    """Write TFLite metadata; the last step, since it speaks of the file as it ships.

    Attributes:
        kind: "auto", a task of MediaPipe ("image-classifier", …) or "general".
        labels: names of the classes, in the order of the scores.
        score_threshold: results below are not shown; 0 for none.
        preprocess: what the model expects of raw values, as `--preprocess` says it; () when the
            preprocessing is part of the graph.
        colors: "rgb" or "bgr": the order in which the application feeds an image.
        raw: inputs are fed raw values; their preprocessing is part of the graph, and of the scale
            and zero point of an integer input.
        title, description, version, author, license: of the model, for people.
        sample_rate: samples per second of an audio input, 0 for none.
        channels: of an audio input.
        vocabulary: tokens in the order of their numbers, for text.
        delimiter: regular expression that splits text into tokens.
        folders: names to use as labels when there are none, if they are as many as the classes:
            those of a folder of images.
    """

    kind: str = "auto"
    labels: tuple[str, ...] = ()
    score_threshold: float = 0.0
    preprocess: tuple[str, ...] = ()
    colors: str = "rgb"
    raw: bool = False
    title: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    sample_rate: int = 0
    channels: int = 1
    vocabulary: tuple[str, ...] = ()
    delimiter: str = ""
    folders: tuple[str, ...] = ()
    name: str = "metadata"

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Outcome:
        """Return the graph with metadata and the files that it names.

        Raises:
            InputError: an unknown kind, or labels that do not fit the outputs.
            ConversionError: the task that `kind` names would not take the file.
        """
        if not self.labels and self._fits_folders(graph):
            outcome = replace(self, labels=self.folders, folders=())(graph)
            return replace(outcome, notices=(_FROM_FOLDERS, *outcome.notices))
        facts = self._facts(graph)
        kind = self._kind(facts)
        found = obstacles(kind, facts) if kind != GENERAL else ()
        if found and self.kind != "auto":
            raise ConversionError(
                f"MediaPipe's {TASKS[kind].api} would not take this file: {found[0].reason}.",
                found[0].hint,
            )
        described = write_metadata(graph, self.metadata(facts, kind), self._files(kind, graph))
        what = "names and ranges" if kind == GENERAL else f"as MediaPipe's {TASKS[kind].api} reads"
        labelled = f", {len(self.labels)} labels" if self.labels else ""
        notices = _notices(kind, found) + _unsquashed(kind, graph) + _shared_names(self.labels)
        return Outcome(described, True, f"{what}{labelled}", notices)

    def metadata(self, facts: Facts, kind: str) -> ModelMetadata:
        """Return the metadata of a graph for a task.

        Raises:
            InputError: labels that do not fit the outputs.
        """
        graph = facts.graph
        outputs = self._outputs(graph, kind)
        bert = kind == "text-classifier" and len(graph.inputs) == 3
        subgraph = SubGraphMetadata(
            inputs=tuple(_unique(self._inputs(facts, kind))),
            outputs=tuple(_unique(outputs)),
            input_process_units=(text.bert_unit(),) if bert else (),
            output_tensor_groups=(_group(outputs),) if kind == "object-detector" else (),
            custom_metadata=(_activation(graph),) if kind == "image-segmenter" else (),
        )
        return ModelMetadata(
            name=self.title or (TASKS[kind].api if kind in TASKS else ""),
            description=self.description,
            version=self.version,
            subgraphs=(subgraph,),
            author=self.author,
            license=self.license,
        )

    def _fits_folders(self, graph: Graph) -> bool:
        counts = {classes(tensor) for tensor in graph.outputs}
        return bool(self.folders) and counts == {len(self.folders)}

    def _facts(self, graph: Graph) -> Facts:
        specs = [
            TensorSpec(name, t.shape, t.dtype.numpy.name)
            for name, t in zip(graph.input_names(), graph.inputs, strict=True)
        ]
        preprocess = parse_preprocess(self.preprocess, specs)
        return Facts(graph, preprocess, self.sample_rate, self.vocabulary, self.colors, self.raw)

    def _kind(self, facts: Facts) -> str:
        if self.kind not in KINDS:
            raise InputError(f"--task {self.kind} is not known.", f"Known: {', '.join(KINDS)}.")
        return detect(facts) if self.kind == "auto" else self.kind

    def _inputs(self, facts: Facts, kind: str) -> list[TensorMetadata]:
        graph = facts.graph
        names = graph.input_names()
        if kind == "audio-classifier":
            return [ports.sound(names[0], self.sample_rate, self.channels)]
        if kind == "text-classifier":
            single = len(names) == 1
            return (
                [text.regex_input(names[0], self.delimiter)] if single else text.bert_inputs(names)
            )
        if kind == GENERAL:
            return [ports.plain(name) for name in names]
        return [
            ports.image(name, tensor, one, self.colors, self.raw)
            for name, tensor, one in zip(names, graph.inputs, facts.preprocess, strict=True)
        ]

    def _outputs(self, graph: Graph, kind: str) -> list[TensorMetadata]:
        if kind == "object-detector":
            return self._detections(graph)
        ends = list(zip(graph.output_names(), graph.outputs, strict=True))
        labelled = _labelled(ends, len(self.labels))
        return [
            ports.scores(
                graph, name, tensor, self.labels if i in labelled else (), self.score_threshold
            )
            if kind != GENERAL or i in labelled
            else ports.plain(name)
            for i, (name, tensor) in enumerate(ends)
        ]

    def _detections(self, graph: Graph) -> list[TensorMetadata]:
        op = detection(graph)
        assert op is not None, "the task demands it"
        order = [next(i for i, t in enumerate(op.outputs) if t is o) for o in graph.outputs]
        scored = op.inputs[1]
        most = None if scored is None else scored.shape[-1]
        # The op scores a background class first, if the model has one; it gets no label.
        if most is not None and self.labels and len(self.labels) not in (most, most - 1):
            raise InputError(
                f"There are {len(self.labels)} labels, but the detector scores {most} classes.",
                "Give one label per line, the background class left out.",
            )
        return ports.detections(order, self.labels, self.score_threshold)

    def _files(self, kind: str, graph: Graph) -> tuple[tuple[str, bytes], ...]:
        files = []
        if self.labels:
            content = "".join(f"{label}\n" for label in self.labels)
            files.append((ports.LABELS_FILE, content.encode()))
        if self.vocabulary and kind == "text-classifier":
            files.append(text.vocabulary_file(self.vocabulary, len(graph.inputs) == 1))
        return tuple(files)


def _labelled(ends: Sequence[tuple[str, Tensor]], count: int) -> frozenset[int]:
    """Return which outputs the labels are for: all whose classes they name.

    A model with one output gets them in any case, so that a wrong number is told.
    """
    if not count:
        return frozenset()
    if len(ends) == 1:
        return frozenset({0})
    found = [i for i, (_, t) in enumerate(ends) if classes(t) in (count, None)]
    if not any(classes(ends[i][1]) for i in found):
        sizes = ", ".join(f"'{name}' {classes(t) or 'no'}" for name, t in ends)
        raise InputError(
            f"There are {count} labels, but no output has {count} classes ({sizes}).",
            "Give one label per line, in the order of the model's classes.",
        )
    return frozenset(found)


def _unique(described: Sequence[TensorMetadata]) -> list[TensorMetadata]:
    """Return the metadata with a name for every tensor and no name twice."""
    taken: set[str] = set()
    found = []
    for i, one in enumerate(described):
        name = one.name or f"tensor {i}"
        while name in taken:
            name += " (2)"
        taken.add(name)
        found.append(replace(one, name=name))
    return found


def _group(outputs: Sequence[TensorMetadata]) -> TensorGroup:
    names = {"location", "category", "score"}
    return TensorGroup("detection_result", tuple(o.name for o in outputs if o.name in names))


def _activation(graph: Graph) -> CustomMetadata:
    """Return what ImageSegmenter still has to do to the scores, as its own flatbuffer."""
    one_class = graph.outputs[0].shape[-1] == 1
    needed = Activation.SIGMOID if one_class else Activation.SOFTMAX
    done = squashed_by(graph, graph.outputs[0]) is not None
    options = SegmenterOptions(Activation.NONE if done else needed)
    return CustomMetadata(SEGMENTER_NAME, encode(options, SCHEMA, SEGMENTER_IDENTIFIER))


def _notices(kind: str, found: Sequence[Any]) -> tuple[Notice, ...]:
    if not found:
        return ()
    reasons = "; ".join(obstacle.reason for obstacle in found)
    message = f"MediaPipe's {TASKS[kind].api} would not take this file: {reasons}."
    hints = dict.fromkeys(o.hint for o in found if o.hint)
    return (Notice("mediapipe", message, " ".join(hints)),)


def _shared_names(labels: Sequence[str]) -> tuple[Notice, ...]:
    """Say which names stand for several classes (ImageNet has two kinds of crane)."""
    shared = [name for name, count in Counter(labels).items() if count > 1]
    if not shared:
        return ()
    shown = ", ".join(repr(name) for name in shared[:5]) + (" …" if len(shared) > 5 else "")
    message = f"Labels that several classes have: {shown}; an application cannot tell them apart."
    return (Notice("labels_shared", message),)


def _unsquashed(kind: str, graph: Graph) -> tuple[Notice, ...]:
    """Say that scores are no probabilities, which MediaPipe shows as they are."""
    if kind not in ("image-classifier", "audio-classifier", "text-classifier"):
        return ()
    pairs = zip(graph.output_names(), graph.outputs, strict=True)
    names = [name for name, tensor in pairs if squashed_by(graph, tensor) is None]
    if not names:
        return ()
    message = f"The scores of {', '.join(names)} are no probabilities; MediaPipe shows them so."
    return (Notice("scores_not_probabilities", message, "Use --head probabilities."),)
