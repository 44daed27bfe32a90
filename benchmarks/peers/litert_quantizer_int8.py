"""Static int8 of a float .tflite by litert-quantizer, as its documentation shows.

    python benchmarks/peers/litert_quantizer_int8.py FLOAT.tflite EXAMPLES.npy OUT.tflite

EXAMPLES is float32[n, …]; one example is one sample of the calibration.
"""

import sys

import numpy as np
from litert_quantizer import quantizer, recipe

source, examples, target = sys.argv[1:]
data = np.load(examples)

qt = quantizer.Quantizer(source)
qt.load_quantization_recipe(recipe.static_wi8_ai8())
signatures = quantizer.tfl_interpreter_utils.create_tfl_interpreter(source).get_signature_list()
(signature,) = signatures
(name,) = signatures[signature]["inputs"]
samples = [{name: example[np.newaxis].astype(np.float32)} for example in data]
qt.quantize(qt.calibrate({signature: samples})).export_model(target, overwrite=True)
