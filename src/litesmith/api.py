"""The verbs as functions, with the command line's options; the workings are in `forge/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from litesmith.forge import annotate as _annotate
from litesmith.forge import bench as _bench
from litesmith.forge import check as _check
from litesmith.forge import compare as _compare
from litesmith.forge import export as _export
from litesmith.forge import kernels as _kernels
from litesmith.forge import snippet as _snippet
from litesmith.forge.annotate import Annotation
from litesmith.forge.options import (
    Converting,
    ExportOptions,
    Listener,
    Loading,
    Texts,
    as_texts,
    deaf,
    loading_options,
)
from litesmith.quantize import Quantize
from litesmith.report import BenchReport, CheckReport, CompareReport, KernelsReport, Report


def export(
    source: Any,
    output: str | Path,
    *,
    quantize: str | None = None,
    data: Any = None,
    eval: Any = None,
    metric: str | None = None,
    max_drop: float | str | None = None,
    max_size: int | str | None = None,
    max_latency: float | str | None = None,
    confident: bool | None = None,
    preprocess: Texts = None,
    embed_preprocess: bool | None = None,
    input_type: Texts = None,
    output_type: Texts = None,
    target: str | None = None,
    input_layout: Texts = None,
    input_channels: Texts = None,
    input_size: Texts = None,
    cut_before: str | None = None,
    merge: Texts = None,
    head: Texts = None,
    nms: str | None = None,
    rename: Texts = None,
    labels: Texts | Path = None,
    metadata: bool | None = None,
    task: str | None = None,
    score_threshold: float | None = None,
    vocabulary: Texts | Path = None,
    sample_rate: int | None = None,
    bits: Texts = None,
    float_ops: Texts = None,
    edge_bits: int | None = None,
    pack: bool | None = None,
    no_rewrite: Texts = None,
    train: int | str | None = None,
    loss: str | None = None,
    resume: bool | None = None,
    augment: bool | None = None,
    seed: int | None = None,
    save_float: str | Path | None = None,
    c_array: str | Path | None = None,
    recipe: str | Path | None = None,
    save_recipe: str | Path | None = None,
    explain: bool | None = None,
    listen: Listener = deaf,
    **loading: Unpack[Converting],
) -> Report:
    """Turn a model into a .tflite and prove it against the model.

    Args:
        source: path of a .keras, .h5, SavedModel or .tflite, or a Keras model in memory.
        output: where the file goes; written whole or not at all.
        quantize: a key of `litesmith.quantize.SCHEMES`; default "int8" when `data` is given.
        data: representative examples: a spec ("images/", "a.npz#x"), an array (n, …), a dict of
            arrays by input name, a `tf.data.Dataset`, or a function returning one of these.
        eval: labelled examples, in the same forms; (x, y) for arrays.
        metric: "accuracy", "top5", "mae", "mse", "auc", "iou" or "py:file.py:function".
        max_drop: the most the score may get worse: 0.01 (its own unit) or "1%" (relative). Ops
            that cost most get more bits until it is kept.
        max_size: the most bytes: 60000, "60kB", or "25%" of the float .tflite. Weights that cost
            least get 4 bits until it is kept.
        max_latency: the most that one invocation may take on this machine: 4 (ms), "4ms", or "50%"
            of the float .tflite's time. Ops get the bits that cost least and are fast enough.
        confident: judge `max_drop` by the one-sided 95 % bound of the drop.
        preprocess: what the model expects of raw x, e.g. "unit"; per input "name:unit".
        embed_preprocess: build `preprocess` into the file, which is then fed raw values.
        input_type: "float32", "int8" or "uint8": what the application feeds; per input
            "name:uint8". Raw values in int8 are bytes minus 128.
        output_type: the same for what it reads.
        target: the runtime that must run the file, e.g. "cpu".
        input_layout: "nchw" or "nhwc": what the application feeds; per input "name:nchw".
        input_channels: "rgb", "bgr", "rgba" or "gray": what the application feeds; "FED,READ" if
            the model reads others than rgb.
        input_size: "480x640" (height, width; ",nearest"): the application's images, which the file
            resizes.
        cut_before: name of an op, layer or tensor, or a kind of op that occurs once: the file ends
            before it and outputs what it reads.
        merge: "name=a,b": outputs that become one, side by side along the last axis.
        head: what the application reads: "keep", "logits", "probabilities", "sigmoid", "argmax",
            "topk=5" or "threshold=0.5"; per output "name:argmax".
        nms: "boxes=a,scores=b" and more: outputs that become detections (boxes, classes, scores,
            count) by TFLite_Detection_PostProcess.
        rename: "old=new": names of inputs and outputs in the file; all other options use the old.
        labels: path of a file with the names of the classes, one per line, or the names.
        metadata: write TFLite metadata; implied by `labels` and the four that follow.
        task: what MediaPipe opens the file with: "image-classifier", "object-detector",
            "image-segmenter", "audio-classifier", "text-classifier"; "general" for none of them.
        score_threshold: results below are not shown.
        vocabulary: path of a file with a text model's tokens in their order, or the tokens.
        sample_rate: samples per second of an audio input.
        bits: "PATTERN=N": N bits (1 to 4, 8, 16 or 32) for ops by name, layer or kind.
        float_ops: patterns of ops that stay float.
        edge_bits: bits of the first and last ops with weights; default 8 for "int3", "ternary" and
            "binary", and for "int4" where such an op holds at most a twentieth of all weights.
        pack: store weights of 3, 2 and 1 bits packed, 8 of one bit in a byte: smaller, slower.
        no_rewrite: families of rewrites to leave out ("fold_constants", …).
        train: "auto" or a number of steps: the quantized graph is taught by the float one, on
            `data`, without labels; "none" or 0 for schemes that imply it (int3, ternary, binary).
        loss: "crossentropy", "mse", …: also fit the labels of `data`.
        resume: go on with a training that was interrupted (`NAME.train.npz` beside `output`).
        augment: False to train on the examples as they are.
        seed: of generated inputs and of training.
        save_float: also write the float .tflite there.
        c_array: also write the file as C++ source there (NAME.cc); NAME.h goes beside it.
        recipe: TOML file with steps and options; what is given here wins.
        save_recipe: write this run as such a file.
        explain: also measure what each op's precision costs (`sensitivity` of the report).
        listen: called with (stage, fraction done or None). A method `training`, if it has one, is
            called with step, steps, loss, agreement, … of every look that training takes; the
            first KeyboardInterrupt while training keeps the best state so far.
        loading: how the source is loaded:
            signature: key of the SavedModel's or .tflite's signature.
            input_shape: shapes of inputs that the model leaves open, batch included.
            custom_objects: "py:file.py:Name" of code that the file does not carry.
            builder: "py:file.py:function" that builds the model whose weights the file holds.
            inputs: op or tensor names that the application feeds into a frozen graph.
            outputs: the outputs to keep, in this order; of a frozen graph, op or tensor names.
            input: layers, ops or tensors to cut the model after.
            allow_flex: keep ops that need TensorFlow's own kernels.
            trust: run Python code that is inside the file (Lambda layers).
            batch: examples per invocation of the file (default 1), or "dynamic".
            time_limit: seconds that loading or converting may take.

    Raises:
        InputError: bad data or option. LoadError: the model cannot be loaded. ConversionError: it
            cannot be converted for the target. BudgetError: `max_drop` was missed; the file is kept
            as `NAME.rejected.tflite`. `output` is untouched in all these cases.
    """
    options = ExportOptions(
        loading=loading_options(loading, Converting, export),
        quantize=quantize,
        data=data,
        eval=eval,
        metric=metric,
        max_drop=max_drop,
        max_size=max_size,
        max_latency=max_latency,
        confident=confident,
        preprocess=as_texts(preprocess),
        embed_preprocess=embed_preprocess,
        input_type=",".join(as_texts(input_type)) or None,
        output_type=",".join(as_texts(output_type)) or None,
        target=target,
        input_layout=as_texts(input_layout),
        input_channels=as_texts(input_channels),
        input_size=as_texts(input_size),
        cut_before=cut_before,
        merge=as_texts(merge),
        head=as_texts(head),
        nms=nms,
        rename=as_texts(rename),
        labels=_names(labels),
        metadata=metadata,
        task=task,
        score_threshold=score_threshold,
        vocabulary=_names(vocabulary),
        sample_rate=sample_rate,
        bits=as_texts(bits),
        float_ops=as_texts(float_ops),
        edge_bits=edge_bits,
        pack=pack,
        no_rewrite=as_texts(no_rewrite),
        train=train,
        loss=loss,
        resume=resume,
        augment=augment,
        seed=seed,
        save_float=save_float,
        c_array=c_array,
        recipe=recipe,
        save_recipe=save_recipe,
        explain=explain,
    )
    return _export.run(source, output, options, listen)


def annotate(
    source: Any,
    *,
    data: Any,
    quantize: str = "int8",
    preprocess: Texts = None,
    bits: Texts = None,
    float_ops: Texts = None,
    edge_bits: int | None = None,
    **loading: Unpack[Converting],
) -> Annotation:
    """Return a model as the graph that will ship, to be trained by your own code.

        made = litesmith.annotate("model.keras", data=images, quantize="int4")
        model = litesmith.trainable(made.graph)
        model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
        model.fit(images, labels)
        Path("model.tflite").write_bytes(made.tflite(litesmith.from_trainable(model)))

    Args:
        source: as for `export`.
        data: representative examples, as for `export`.
        quantize: "int8", "int4", "int3", "ternary", "binary" or "int16x8".
        preprocess: as for `export`.
        bits: as for `export`.
        float_ops: as for `export`.
        edge_bits: as for `export`.
        loading: as for `export`.

    Raises:
        InputError, LoadError, ConversionError: as `export`.
    """
    step = Quantize(
        quantize, bits=as_texts(bits), float_ops=as_texts(float_ops), edge_bits=edge_bits or 0
    )
    options = loading_options(loading, Converting, annotate)
    return _annotate.run(source, step, data, as_texts(preprocess), options)


def check(
    source: Any,
    *,
    data: Any = None,
    preprocess: Texts = None,
    target: str | None = None,
    listen: Listener = deaf,
    **loading: Unpack[Converting],
) -> CheckReport:
    """Load a model and say what would become of it, without writing anything.

    Args:
        source: as for `export`; also a quantized .tflite.
        data: as for `export`: what is odd about it is told.
        preprocess: as for `export`.
        target: a runtime: what it would refuse is listed.
        listen: as for `export`.
        loading: as for `export`.

    Raises:
        InputError, LoadError, ConversionError: as `export`.
    """
    options = loading_options(loading, Converting, check)
    return _check.run(source, target, options, listen, data, as_texts(preprocess))


def compare(
    a: Any,
    b: Any,
    *,
    data: Any = None,
    preprocess: Texts = None,
    per_layer: bool = False,
    seed: int | None = None,
    listen: Listener = deaf,
    **loading: Unpack[Loading],
) -> CompareReport:
    """Hold the outputs of `b` against those of `a` on the same examples.

    Args:
        a: the reference: any source, or a .tflite (also a quantized one).
        b: the other; its inputs are matched by name, else by position.
        data: as for `export`; without data inputs are generated.
        preprocess: as for `export`.
        per_layer: compare every tensor that both compute, too.
        seed: as for `export`.
        listen: as for `export`.
        loading: as for `export`, without `batch`.

    Raises:
        InputError: the two do not take the same inputs. LoadError: one cannot be loaded.
    """
    options = loading_options(loading, Loading, compare)
    texts = as_texts(preprocess)
    return _compare.run(a, b, data, texts, seed or 0, options, listen, per_layer)


def bench(
    *files: str | Path, threads: int = 1, seconds: float = 2.0, listen: Listener = deaf
) -> BenchReport:
    """Measure .tflite files side by side, interleaved so that noise hits all alike.

    Args:
        files: paths of .tflite files.
        threads: intra-op threads of the runtime.
        seconds: for all files together.
        listen: as for `export`.

    Raises:
        InputError: no such file, or not a .tflite. LoadError: LiteRT refuses one.
    """
    return _bench.run([Path(file) for file in files], threads, seconds, listen)


def kernels(measure: bool = False, seconds: float = 2.0, listen: Listener = deaf) -> KernelsReport:
    """Return what LiteRT's kernels cost in every form of weights, op by op.

    Args:
        measure: measure on this machine instead of showing what was recorded.
        seconds: for each op, all its forms interleaved.
        listen: as for `export`.

    Raises:
        InputError: `seconds` is not above 0.
    """
    return _kernels.run(measure, seconds, listen)


def snippet(file: str | Path, language: str, *, c_array: str | Path | None = None) -> str:
    """Return code that loads, feeds and reads one .tflite file, quantization included.

    Args:
        file: path of a .tflite.
        language: "python", "cpp", "micro" (TensorFlow Lite Micro), "kotlin" or "swift".
        c_array: where the C++ source that holds the file is or goes; names it in the code.

    Raises:
        InputError: no such file or language. LoadError: it is damaged. ConversionError: the
            language's runtime cannot run it.
    """
    return _snippet.run(Path(file), language, c_array)


def _names(given: Texts | Path) -> str | Path | tuple[str, ...] | None:
    """Return a path as it is and names as a tuple."""
    return given if given is None or isinstance(given, (str, Path)) else tuple(given)
