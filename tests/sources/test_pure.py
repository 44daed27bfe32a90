"""The parts that need no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litesmith.children import protocol
from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError, LoadError
from litesmith.sources import SourceFormat, convert, detect, keras_file, saved_functions
from litesmith.sources.loaded import check_inputs, static, with_shapes
from litesmith.sources.reasons import reason
from litesmith.sources.stored import Stored, input_shapes, shapes_differ
from litesmith.sources.structure import is_shape, leaves, pack, unique


class TestStructure:
    def test_declared_order(self) -> None:
        nested = {"z": [1, None, (2,)], "a": {"k": 3}}
        assert list(leaves(nested)) == [(None, 1), (None, 2), ("k", 3)]
        assert list(leaves({"z": 1, "a": [2]})) == [("z", 1), ("a", 2)]
        assert pack(nested, iter("abc")) == {"z": ["a", None, ("b",)], "a": {"k": "c"}}

    def test_shapes_are_leaves(self) -> None:
        assert list(leaves([(1, 2), [None, 3]], is_shape)) == [(None, (1, 2)), (None, [None, 3])]

    def test_unique(self) -> None:
        assert unique(["a", "a", "b", "a", "a_1"]) == ["a", "a_2", "b", "a_3", "a_1"]


class TestDetect:
    @pytest.mark.parametrize(
        ("content", "form"),
        [(b"\x89HDF\r\n\x1a\n", SourceFormat.HDF5), (b"\x1c\0\0\0TFL3", SourceFormat.TFLITE)],
    )
    def test_by_content(self, tmp_path: Path, content: bytes, form: SourceFormat) -> None:
        path = tmp_path / "model.keras"
        path.write_bytes(content)
        assert detect(path) is form

    def test_hints(self, tmp_path: Path) -> None:
        (tmp_path / "inner").mkdir()
        file = tmp_path / "inner" / "saved_model.pb"
        file.write_bytes(b"123456789")
        with pytest.raises(LoadError) as caught:
            detect(tmp_path)
        assert "inner" in caught.value.hint
        with pytest.raises(LoadError, match="one file of a SavedModel"):
            detect(file)


def _layer(name: str, shape: Any, key: str = "batch_input_shape") -> dict[str, Any]:
    return {"class_name": "InputLayer", "name": name, "config": {"name": name, key: shape}}


class TestStored:
    def test_functional_in_declared_order(self) -> None:
        layers = [_layer("a", [None, 3]), _layer("z", [None, 4], "batch_shape")]
        config = {"layers": layers, "input_layers": [["z", 0, 0], ["a", 0, 0]]}
        model = {"class_name": "Functional", "config": config}
        assert input_shapes(model) == ((None, 4), (None, 3))
        config["input_layers"] = {"k": ["z", 0, 0]}  # type: ignore[assignment]
        assert input_shapes(model) == ((None, 4),)

    def test_sequential_old_and_nested(self) -> None:
        layers = [{"class_name": "LSTM", "config": {"batch_input_shape": [None, 68, 21]}}]
        old = {"class_name": "Sequential", "config": layers}
        assert input_shapes(old) == ((None, 68, 21),)
        assert input_shapes({"class_name": "Sequential", "config": {"layers": [old]}}) == (
            (None, 68, 21),
        )
        assert input_shapes({"class_name": "Own", "config": {}}) is None

    def test_silent_mis_load_is_seen(self) -> None:
        stored = ((None, 68, 21),)
        assert shapes_differ(stored, ((None, None, 68, 21),))
        assert shapes_differ(stored, ((None, 68, None),))
        assert shapes_differ(stored, ())
        assert not shapes_differ(stored, ((1, 68, 21),))
        assert not shapes_differ(None, ((1, 2),))

    @pytest.mark.parametrize(
        ("version", "form", "first"),
        [
            ("3.5.0", SourceFormat.HDF5, "keras"),
            ("2.15.0", SourceFormat.KERAS, "tf_keras"),
            (None, SourceFormat.HDF5, "tf_keras"),
            (None, SourceFormat.KERAS, "keras"),
        ],
    )
    def test_loader_order(self, version: str | None, form: SourceFormat, first: str) -> None:
        assert keras_file.order(Stored(version), form)[0] == first


class TestShapes:
    image = TensorSpec("image", (None, None, None, 3), "float32")

    def test_fill(self) -> None:
        (filled,) = with_shapes([self.image], {"image": (1, 4, 5, 3)})
        assert filled.shape == (None, 4, 5, 3)
        assert static(filled).shape == (1, 4, 5, 3)
        (filled,) = with_shapes([self.image], {"image": (2, 4, 5, 3)})
        assert filled.shape == (2, 4, 5, 3)

    @pytest.mark.parametrize("shape", [(1, 4, 5), (1, 4, 5, 4)])
    def test_refuse(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match="image"):
            with_shapes([self.image], {"image": shape})

    def test_check(self) -> None:
        with pytest.raises(InputError) as caught:
            check_inputs([self.image])
        assert "image=1x224x224x3" in caught.value.hint
        with pytest.raises(ConversionError):
            check_inputs([TensorSpec("t", (None,), "string")])


class TestWords:
    def test_converter_ops(self) -> None:
        text = "x\nTF Select ops: FFT2D, Roll\nDetails\nCustom ops: Igamma\n"
        assert convert.explain(text)[0].startswith("The ops FFT2D, Roll, Igamma")
        assert "Betainc" in convert.explain("error: 'tf.Betainc' op is neither custom nor flex")[0]
        assert "boom" in convert.explain("file:1:1: error: boom")[0]

    def test_reason(self) -> None:
        error = ValueError("Error when deserializing\n\nException encountered: Unknown layer: 'X'.")
        assert reason(error) == "Unknown layer: 'X'"
        assert reason(ValueError()) == "ValueError"
        assert len(reason(ValueError("y" * 999))) < 300

    def test_natural_order(self) -> None:
        names = ["output_10", "output_2", "b", "output_1"]
        assert saved_functions._ordered(names, []) == ["b", "output_1", "output_2", "output_10"]
        assert saved_functions._ordered(["a", "z"], ["z", "a", "q"]) == ["z", "a"]

    def test_errors_survive_the_wire(self) -> None:
        message = protocol.error_to_json(ConversionError("m", "h"))
        back = protocol.error_from_json(message, "/log")
        assert (type(back), back.message, back.hint, back.log) == (
            ConversionError,
            "m",
            "h",
            "/log",
        )
