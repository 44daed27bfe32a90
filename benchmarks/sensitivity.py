"""Files that lose too much, and what --max-drop, --max-size and --max-latency make of them.

`digits`: a multilayer perceptron trained on scikit-learn's digits, one neuron of whose first layer
is made 1,000 times larger and read 1,000 times smaller: the same function, but one that no 8-bit
scale per tensor can hold. The others are the shared models with int4 weights. Bits are chosen on
the training examples; score and drop are those of the test examples.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared, arguments, export, report
from benchmarks.shared_models import SHARED
from litesmith.graph import Graph, Tensor, write
from litesmith.graph.build import make_constant, make_op

_OUTLIER = 1000.0


def digits(folder: Path) -> tuple[Path, Path]:
    """Write the model and its data; return both paths."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:1000], order[1000:]
    trained = MLPClassifier((64, 32, 32), random_state=0, max_iter=300).fit(x[train], y[train])
    weights = [w.T.astype(np.float32) for w in trained.coefs_]
    biases = [b.astype(np.float32) for b in trained.intercepts_]
    largest = int(np.abs(weights[1]).sum(0).argmax())
    weights[0][largest] *= _OUTLIER
    biases[0][largest] *= _OUTLIER
    weights[1][:, largest] /= _OUTLIER
    first = value = Tensor("x", (1, x.shape[1]))
    ops = []
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        result = Tensor(f"dense{i}", (1, len(b)))
        inputs = (value, make_constant(f"w{i}", w), make_constant(f"b{i}", b))
        relu = int(i < len(weights) - 1)
        ops.append(make_op("FULLY_CONNECTED", inputs, (result,), fused_activation_function=relu))
        value = result
    result = Tensor("y", value.shape)
    ops.append(make_op("SOFTMAX", (value,), (result,), beta=1.0))
    model, data = folder / "digits.tflite", folder / "digits.npz"
    model.write_bytes(write(Graph((first,), (result,), tuple(ops))))
    np.savez(data, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])
    return model, data


def row(name: str, model: Path, data: Path, options: tuple[str, ...], folder: Path) -> Any:
    """Export once and return what the report says."""
    given = ("--data", f"{data}#x_train", "--eval", f"{data}#x_test,y_test")
    found = export(model, folder / "out.tflite", *given, *options).json
    score, artifact = found["score"], found["artifact"]
    chosen = {one["op"]: one["chosen_bits"] for one in found["sensitivity"] if one["chosen_bits"]}
    count = len({one["op"] for one in found["sensitivity"]})
    return {
        "model": name,
        "options": " ".join(options),
        "status": found["status"],
        "float": score["float_tflite"],
        "file": score["artifact"],
        "drop": score["drop"],
        "n": score["examples"],
        "bytes": artifact["size_bytes"],
        "latency": found["latency_ms"]["artifact"] / found["latency_ms"]["float_tflite"],
        "float ops": artifact["float_ops"],
        "given other bits": f"{len(chosen)} of {count}" if count else "none",
        "seconds": found["seconds"],
    }


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    add_shared(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, data = digits(folder)
        rows = [
            row("digits", model, data, ("--quantize", "int8", *more), folder)
            for more in ((), ("--max-drop", "0.005"))
        ]
        for key in ("resnet8", "ds_cnn_kws"):
            shared = SHARED[key]
            assert shared.data is not None
            source, arrays = given.shared / shared.path, given.shared / shared.data
            for more in (
                ("int4",),
                ("int4", "--max-drop", "0.01"),
                ("int4", "--max-latency", "60%"),
                ("int8", "--max-size", "22%"),
            ):
                rows.append(row(key, source, arrays, ("--quantize", *more), folder))
    report("sensitivity", rows, given.json)


if __name__ == "__main__":
    main()
