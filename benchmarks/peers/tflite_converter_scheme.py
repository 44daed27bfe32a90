"""A quantized .tflite by TFLiteConverter, as TensorFlow's post-training quantization guide shows.

    python benchmarks/peers/tflite_converter_scheme.py MODEL EXAMPLES.npy OUT.tflite SCHEME

SCHEME is float16, dynamic, int8 or int16x8. MODEL is a .keras file, a Keras 2 .h5/.hdf5 or a
SavedModel folder; EXAMPLES float32[n, …] as the model wants them. Input and output stay float32,
the guide's default.
"""

import sys

import numpy as np
import tensorflow as tf

source, examples, target, scheme = sys.argv[1:]
data = np.load(examples, mmap_mode="r")
INT16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
STATIC = {"int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8, "int16x8": INT16}


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
if scheme in STATIC:
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [STATIC[scheme]]
elif scheme == "float16":
    converter.target_spec.supported_types = [tf.float16]

with open(target, "wb") as f:
    f.write(converter.convert())
