"""An int8 .tflite of a recurrent net by TFLiteConverter, as TensorFlow's guide to RNNs shows.

    python benchmarks/peers/tflite_converter_recurrent.py MODEL.h5 EXAMPLES.npy OUT.tflite int8

MODEL is a Keras 2 .h5, traced for one example at a time (the guide's way to the fused LSTM);
EXAMPLES float32[n, …] as the model wants them.
"""

import sys
import tempfile

import numpy as np
import tensorflow as tf
import tf_keras

source, examples, target, _ = sys.argv[1:]
data = np.load(examples, mmap_mode="r")


def representative_dataset():
    """Yield one example at a time."""
    for example in data:
        yield [np.ascontiguousarray(example[np.newaxis], np.float32)]


model = tf_keras.models.load_model(source, compile=False)
run = tf.function(lambda x: model(x))
traced = run.get_concrete_function(tf.TensorSpec((1, *data.shape[1:]), tf.float32))
with tempfile.TemporaryDirectory() as folder:
    model.save(folder, save_format="tf", signatures=traced)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    content = converter.convert()
with open(target, "wb") as f:
    f.write(content)
