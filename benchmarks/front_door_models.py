"""Save one model of another package and what it answers: a process of front_door.py.

python -m benchmarks.front_door_models BertBackbone --out bert.keras --reference reference.npz
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import arguments
from benchmarks.front_door_backbones import BACKBONES, example_shape, examples

EXAMPLES = 4
LEAST_SPREAD = 1e-3  # of the outputs over the examples, relative to the largest
# Weight name → how it is drawn; a fresh one hides what a conversion loses.
_DRAWN = {
    "gamma": lambda rng, shape: rng.uniform(0.6, 1.4, shape),
    "scale": lambda rng, shape: rng.uniform(0.6, 1.4, shape),
    "beta": lambda rng, shape: rng.normal(0, 0.2, shape),
    "bias": lambda rng, shape: rng.normal(0, 0.2, shape),
    "moving_mean": lambda rng, shape: rng.normal(0, 0.2, shape),
    "moving_variance": lambda rng, shape: rng.uniform(0.7, 1.4, shape),
}


def redraw(model: Any, rng: np.random.Generator) -> None:
    """Give norms and biases of a Keras model values that a lost one would show."""
    for weight in model.weights:
        draw = _DRAWN.get(weight.path.split("/")[-1])
        if draw is not None and "int" not in str(weight.dtype):
            weight.assign(draw(rng, weight.shape))


def flat(outputs: Any) -> dict[str, np.ndarray]:
    """Return outputs by name where they have one, by position otherwise."""
    if isinstance(outputs, dict):
        return {f"name:{k}": np.asarray(v) for k, v in outputs.items()}
    listed = outputs if isinstance(outputs, list | tuple) else [outputs]
    return {f"place:{i}": np.asarray(v) for i, v in enumerate(listed)}


def refuse_constant(outputs: dict[str, np.ndarray]) -> None:
    """Refuse outputs that are the same for every example: they prove nothing.

    Raises:
        SystemExit: they are, or they are not finite.
    """
    for name, values in outputs.items():
        spread = float(values.std(axis=0).max() / max(float(np.abs(values).max()), 1e-30))
        if not (np.isfinite(values).all() and spread > LEAST_SPREAD):
            raise SystemExit(f"the output {name} varies by {spread:.2g} of its magnitude")


def save(path: Path, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> None:
    """Write inputs and outputs to one .npz, and the shapes that `--input-shape` is given."""
    refuse_constant(outputs)
    fed = {f"x:{name}": array for name, array in inputs.items()}
    np.savez(path, **fed, **{f"y:{name}": array for name, array in outputs.items()})


def save_backbone(name: str, out: Path, reference: Path) -> None:
    """Save a backbone of keras-hub, and what it answers."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = BACKBONES[name]()
    redraw(model, rng)
    named = {tensor._keras_history[0].name: tensor for tensor in model.inputs}
    if isinstance(model.input, dict):
        named = dict(model.input)
    fed = {}
    for key, tensor in named.items():
        shape = example_shape(key, name, tuple(tensor.shape))
        fed[key] = examples(key, shape, str(tensor.dtype), EXAMPLES, rng)
    model.save(out)
    # One at a time: what an example is padded to must not be the matter here.
    answers = [
        flat(_called(model, {n: x[i : i + 1] for n, x in fed.items()})) for i in range(EXAMPLES)
    ]
    save(reference, fed, {k: np.concatenate([a[k] for a in answers]) for k in answers[0]})


def _called(model: Any, fed: dict[str, np.ndarray]) -> Any:
    structure = model.input
    one = fed if isinstance(structure, dict) else next(iter(fed.values()))
    return model(one, training=False)


def answer_saved_model(folder: Path, reference: Path, shape: tuple[int, ...]) -> None:
    """Write what a SavedModel's serving signature answers."""
    import tensorflow as tf

    function = tf.saved_model.load(str(folder)).signatures["serving_default"]
    (name,) = function.structured_input_signature[1]
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (EXAMPLES, *shape)).astype(np.float32)
    answers = [
        flat({k: v for k, v in function(**{name: tf.constant(x[i : i + 1])}).items()})
        for i in range(EXAMPLES)
    ]
    save(reference, {name: x}, {k: np.concatenate([a[k] for a in answers]) for k in answers[0]})


def answer_hdf5(path: Path, reference: Path) -> None:
    """Write what tf_keras says an HDF5 model answers."""
    import tf_keras

    model = tf_keras.models.load_model(path, compile=False)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (EXAMPLES, *model.input_shape[1:])).astype(np.float32)
    save(reference, {model.input_names[0]: x}, flat(model(x, training=False)))


def main() -> None:
    """Save one backbone and its answers, or the answers of a file."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    parser = arguments(__doc__ or "")
    parser.add_argument("model", help=f"a file, or one of {', '.join(BACKBONES)}")
    parser.add_argument("--out", type=Path, help="the .keras file to write")
    parser.add_argument("--reference", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--shape", type=json.loads, default=[], help="of a SavedModel's example")
    options = parser.parse_args()
    if options.model in BACKBONES:
        save_backbone(options.model, options.out, options.reference)
    elif Path(options.model).is_dir():
        answer_saved_model(Path(options.model), options.reference, tuple(options.shape))
    else:
        answer_hdf5(Path(options.model), options.reference)


if __name__ == "__main__":
    main()
