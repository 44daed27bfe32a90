"""Plain conversion of an .h5 model, as it is found all over the web.

What its author means: this trained model, as a .tflite that answers the same.

    $ python examples/common_recipes/01_plain_conversion_h5.py
    $ litesmith export examples/digits/digits.h5 -o digits_float.tflite --quantize none
"""

import sys

import tensorflow as tf

source, target = sys.argv[1:] or ("examples/digits/digits.h5", "model.tflite")

model = tf.keras.models.load_model(source)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
tflite_model = converter.convert()

with open(target, "wb") as f:
    f.write(tflite_model)
print(f"saved {target}: {len(tflite_model):,} bytes")
