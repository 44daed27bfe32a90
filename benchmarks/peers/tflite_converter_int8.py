"""int8 by TFLiteConverter, as TensorFlow's post-training quantization guide shows.

    python benchmarks/peers/tflite_converter_int8.py MODEL EXAMPLES.npy OUT.tflite

MODEL is a .keras file, a Keras 2 .h5/.hdf5 or a SavedModel folder; EXAMPLES float32[n, …] as the
model wants them. Input and output stay float32, the guide's default; everything inside is int8.
"""

import sys

import numpy as np
import tensorflow as tf

source, examples, target = sys.argv[1:]
data = np.load(examples, mmap_mode="r")


def representative_dataset():
    """Yield one example at a time."""
    for example in data:
        yield [np.ascontiguousarray(example[np.newaxis], np.float32)]


if source.endswith((".h5", ".hdf5")):
    import tf_keras

    converter = tf.lite.TFLiteConverter.from_keras_model(
        tf_keras.models.load_model(source, compile=False)
    )
elif source.endswith(".keras"):
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(source))
else:
    converter = tf.lite.TFLiteConverter.from_saved_model(source)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = representative_dataset
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]

with open(target, "wb") as f:
    f.write(converter.convert())
