"""Optimize.DEFAULT with a representative data set, often headed "quantization-aware".

It is post-training quantization: nothing is trained here, the weights stay what they were and are
rounded. What its author means: a small integer model of this network that is still right.

    $ python examples/common_recipes/02_optimize_default_with_representative_dataset.py
    $ litesmith export examples/digits/digits.keras -o digits_int8.tflite --quantize int8 \
        --data examples/digits/digits.npz#x_train --preprocess scale=0.0625,offset=0
"""

import sys

import numpy as np
import tensorflow as tf

source, target = sys.argv[1:] or ("examples/digits/digits.keras", "model.tflite")

# The scaling is written here, in the training script and once more in the application.
train_images = np.load("examples/digits/digits.npz")["x_train"][..., np.newaxis]
train_images = train_images.astype(np.float32) / 16.0


def representative_data_gen():
    """Yield one image at a time."""
    for input_value in tf.data.Dataset.from_tensor_slices(train_images).batch(1).take(100):
        yield [input_value]


model = tf.keras.models.load_model(source)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
# "quantization aware" (it is not)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = representative_data_gen
tflite_model = converter.convert()

with open(target, "wb") as f:
    f.write(tflite_model)
print(f"saved {target}: {len(tflite_model):,} bytes")
