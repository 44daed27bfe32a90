"""A quantized .tflite of a float one by litert-quantizer, by its recipe for each scheme.

    python benchmarks/peers/litert_quantizer_scheme.py FLOAT.tflite EXAMPLES.npy OUT.tflite SCHEME

SCHEME is dynamic, dynamic-int4, weights-int8, weights-int4, int8, int4 or int16x8. EXAMPLES is
float32[n, …]; one example is one sample of the calibration.
"""

import sys

import numpy as np
from litert_quantizer import qtyping, quantizer, recipe

source, examples, target, scheme = sys.argv[1:]
data = np.load(examples)
RECIPES = {
    "dynamic": recipe.dynamic_wi8_afp32,
    "dynamic-int4": recipe.dynamic_wi4_afp32,
    "weights-int8": recipe.weight_only_wi8_afp32,
    "weights-int4": recipe.weight_only_wi4_afp32,
    "int8": recipe.static_wi8_ai8,
    "int16x8": recipe.static_wi8_ai16,
}

qt = quantizer.Quantizer(source)
if scheme in RECIPES:
    qt.load_quantization_recipe(RECIPES[scheme]())
else:
    qt.add_static_config(".*", qtyping.TFLOperationName.ALL_SUPPORTED, 8, 4)
calibration = None
if qt.need_calibration:
    signatures = quantizer.tfl_interpreter_utils.create_tfl_interpreter(source).get_signature_list()
    (signature,) = signatures
    (name,) = signatures[signature]["inputs"]
    samples = [{name: example[np.newaxis].astype(np.float32)} for example in data]
    calibration = qt.calibrate({signature: samples})
qt.quantize(calibration).export_model(target, overwrite=True)
