"""Front ends of text, sound and image files: named, told, cut off, and what is left proved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.cli import main
from litesmith.errors import ConversionError, InputError, LitesmithError
from litesmith.sources import LoadOptions, open_source
from tests.sources.proof import prove

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _text(keras: Any) -> Any:
    words = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=6, name="words")
    words.adapt(["the cat sat", "a dog ran"])
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((1,), dtype="string", name="text"),
            words,
            layers.Embedding(50, 4, name="embedding"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, name="scores"),
        ]
    )


def _lookup(keras: Any) -> Any:
    """A look-up of text beside numbers: only one of the two inputs is cut off."""
    color = keras.Input((1,), dtype="string", name="color")
    numbers = keras.Input((3,), name="numbers")
    found = keras.layers.StringLookup(
        vocabulary=["red", "green"], output_mode="one_hot", name="colors"
    )(color)
    both = keras.layers.Concatenate()([found, numbers])
    return keras.Model([color, numbers], keras.layers.Dense(2, name="score")(both))


def _keras(build: Callable[[Any], Any], save: str = "save") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import keras

        keras.utils.set_random_seed(1)
        more = {"verbose": False} if save == "export" else {}
        getattr(build(keras), save)(str(path), **more)

    return make


def _tf_keras(build: Callable[[Any], Any]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import tf_keras

        tf_keras.utils.set_random_seed(1)
        build(tf_keras).save(str(path))

    return make


def _numbers(*shape: int) -> Any:
    return (np.random.default_rng(0).normal(size=shape) * 0.2).astype(np.float32)


def _jpeg(path: Path) -> None:
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        contents = tf.compat.v1.placeholder(tf.string, [], name="contents")
        pixels = tf.image.decode_jpeg(contents, channels=3, name="DecodeJpeg")
        image = tf.expand_dims(tf.cast(pixels, tf.float32), 0)
        small = tf.compat.v1.image.resize_bilinear(image, [8, 8], name="small")
        found = tf.nn.conv2d((small - 128.0) / 128.0, _numbers(3, 3, 3, 4), 1, "SAME")
        tf.nn.softmax(tf.reduce_mean(found, [1, 2]), name="scores")
    path.write_bytes(graph.as_graph_def().SerializeToString())


def _speech(path: Path) -> None:
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        data = tf.compat.v1.placeholder(tf.string, [], name="wav_data")
        wav = tf.audio.decode_wav(data, desired_channels=1, desired_samples=16000, name="decoded")
        spectrogram = tf.raw_ops.AudioSpectrogram(
            input=wav.audio, window_size=480, stride=160, magnitude_squared=True
        )
        mfcc = tf.raw_ops.Mfcc(
            spectrogram=spectrogram, sample_rate=wav.sample_rate, dct_coefficient_count=10,
            name="Mfcc",
        )  # fmt: skip
        scores = tf.matmul(tf.reshape(mfcc, [-1, 980]), _numbers(980, 4))
        tf.nn.softmax(scores, name="scores")
    path.write_bytes(graph.as_graph_def().SerializeToString())


def _spectrogram_inside(path: Path) -> None:
    """Sound as numbers, but an op for it that no .tflite kernel has."""
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1600, 1], tf.float32, "sound")])
        def serve(self, sound: Any) -> Any:
            found = tf.raw_ops.AudioSpectrogram(input=sound, window_size=400, stride=400)
            return {"scores": tf.nn.softmax(tf.reduce_mean(found, 1) @ _numbers(257, 4))}

    module = Module()
    tf.saved_model.save(module, str(path), module.serve)


def _only_text(path: Path) -> None:
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
        def serve(self, text: Any) -> Any:
            return {"length": tf.strings.length(text)}

    module = Module()
    tf.saved_model.save(module, str(path), module.serve)


MAKERS: dict[str, Callable[[Path], None]] = {
    "text.keras": _keras(_text),
    "text_export": _keras(_text, "export"),
    "old_text.keras": _tf_keras(_text),
    "lookup.keras": _keras(_lookup),
    "old_lookup.keras": _tf_keras(_lookup),
    "jpeg.pb": _jpeg,
    "speech.pb": _speech,
    "spectrogram": _spectrogram_inside,
    "only_text": _only_text,
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("front_ends")

    def get(name: str) -> Path:
        if not (folder / name).exists():
            MAKERS[name](folder / name)
        return folder / name

    return get


Made = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("text.keras", "'text' holds strings: 'words' computes with StringLower", "--input words"),
        ("old_text.keras", "'words'", "splits it into tokens, looks it up in the vocabulary"),
        ("text_export", "'words_1'", "--input words_1. The application then"),
        ("lookup.keras", "'color' holds strings: 'colors'", "--input colors"),
        ("old_lookup.keras", "'colors' computes with LookupTableFindV2", "--input colors"),
        ("jpeg.pb", "DecodeJpeg", "decodes the image file to pixels, and feeds the result (uint8"),
        ("speech.pb", "DecodeWav, AudioSpectrogram, Mfcc", "--input Mfcc"),
        ("spectrogram", "AudioSpectrogram", "--input AudioSpectrogram"),
        ("only_text", "StringLength", "nothing is left to export"),
    ],
)
def test_front_ends_are_named(made: Made, name: str, says: str, hint: str) -> None:
    with open_source(made(name)) as source, pytest.raises(ConversionError, match=says) as caught:
        source.lower()
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "options", "inputs"),
    [
        ("text.keras", {"cut": ("words",)}, [("words", (None, 6), "int64")]),
        ("text.keras", {"cut": ("embedding",)}, [("embedding", (None, 6, 4), "float32")]),
        ("text_export", {"cut": ("words_1",)}, [("words_1", (None, 6), "int64")]),
        ("text_export", {"cut": ("words",)}, [("words", (None, 6), "int64")]),
        ("old_text.keras", {"cut": ("words",)}, [("words", (None, 6), "int64")]),
        (
            "lookup.keras",
            {"cut": ("colors",)},
            [("colors", (None, 3), "int64"), ("numbers", (None, 3), "float32")],
        ),
        (
            "old_lookup.keras",
            {"cut": ("colors",), "input_shapes": {"colors": (1, 3)}},
            [("colors", (None, 3), "float32"), ("numbers", (None, 3), "float32")],
        ),
        (
            "jpeg.pb",
            {"cut": ("DecodeJpeg",), "input_shapes": {"DecodeJpeg": (20, 24, 3)}},
            [("DecodeJpeg", (20, 24, 3), "uint8")],
        ),
        ("jpeg.pb", {"cut": ("small",)}, [("small", (1, 8, 8, 3), "float32")]),
        ("speech.pb", {"cut": ("Mfcc:0",)}, [("Mfcc", (1, 98, 10), "float32")]),
        (
            "spectrogram",
            {"cut": ("AudioSpectrogram",)},
            [("AudioSpectrogram", (1, 4, 257), "float32")],
        ),
    ],
)
def test_the_rest_is_exported_and_proved(
    made: Made, name: str, options: dict[str, Any], inputs: list[tuple[str, Any, str]]
) -> None:
    with open_source(made(name), LoadOptions(**options)) as source:
        assert [(s.name, s.shape, s.dtype) for s in source.info.inputs] == inputs
        assert any("The model was cut after" in note for note in source.info.notes)
        prove(source)


def test_front_and_rest_are_the_whole(made: Made) -> None:
    """By hand: what TextVectorization says of real text, fed to the rest."""
    import keras

    model = keras.models.load_model(str(made("text.keras")))
    text = np.array([["the cat ran"], ["a dog sat down"], [""]], object)
    tokens = np.asarray(model.get_layer("words")(text))
    with open_source(made("text.keras"), LoadOptions(cut=("words",))) as source:
        (answers,) = prove(source, batch=[tokens])
    np.testing.assert_allclose(answers, np.asarray(model(text)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "kind", "says", "hint"),
    [
        ({"cut": ("wrods",)}, InputError, "'wrods'", "words"),
        ({"cut": ("scores",)}, InputError, "Nothing is computed from", ""),
        ({"cut": ("StringLower",)}, ConversionError, "'StringLower' holds", "--input words"),
        ({"cut": ("words",), "input_shapes": {"word": (1, 6)}}, InputError, "'word'", "words"),
    ],
)
def test_cuts_that_do_not_help(
    made: Made, options: dict[str, Any], kind: type[LitesmithError], says: str, hint: str
) -> None:
    with open_source(made("text.keras"), LoadOptions(**options)) as source:
        with pytest.raises(kind, match=says) as caught:
            source.lower()
        assert type(caught.value) is kind
        assert hint in caught.value.hint


def test_a_model_in_memory(made: Made) -> None:
    import keras

    model = keras.models.load_model(str(made("text.keras")))
    with pytest.raises(ConversionError, match="'words'"):
        open_source(model)
    with open_source(model, LoadOptions(cut=("words",))) as source:
        prove(source)


def test_on_the_command_line(made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.tflite"
    words = ["export", str(made("text.keras")), "-o", str(out), "--quantize", "none", "-q"]
    assert main(words) == 4
    assert "--input words" in capfd.readouterr().err
    assert not out.exists()
    assert main([*words, "--input", "words"]) == 0
    assert out.exists()
