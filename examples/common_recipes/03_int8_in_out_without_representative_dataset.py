"""Conversion to int8 in and out without a representative data set: it does not give int8.

TensorFlow cannot know the activations' ranges without data. It refuses with a ValueError that
names the two input/output lines, so the usual next answer is to remove them. What comes out then is
a file whose input, output and activations are all float32; only the weights are int8 ("dynamic
range"). What its author means: a model of integers only, int8 in and int8 out, for a
microcontroller or an NPU.

    $ python examples/common_recipes/03_int8_in_out_without_representative_dataset.py
    $ litesmith export examples/digits/digits.keras -o digits_int8_io.tflite --quantize int8 \
        --data examples/digits/digits.npz#x_train --preprocess scale=0.0625,offset=0 \
        --input-type int8 --output-type int8
"""

import sys

import tensorflow as tf

source, target = sys.argv[1:] or ("examples/digits/digits.keras", "model.tflite")

model = tf.keras.models.load_model(source)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.inference_input_type = tf.int8
converter.inference_output_type = tf.int8
try:
    tflite_model = converter.convert()
except ValueError as error:
    print(f"ValueError: {error}")
    print("removing the two lines that it complains about, as the next answer says")
    converter.inference_input_type = tf.float32
    converter.inference_output_type = tf.float32
    tflite_model = converter.convert()

with open(target, "wb") as f:
    f.write(tflite_model)
interpreter = tf.lite.Interpreter(model_content=tflite_model)
input_type = interpreter.get_input_details()[0]["dtype"].__name__
output_type = interpreter.get_output_details()[0]["dtype"].__name__
print(f"saved {target}: {len(tflite_model):,} bytes, input {input_type}, output {output_type}")
