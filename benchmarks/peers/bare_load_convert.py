"""What loading and converting cost by themselves: the fastest way that is documented nowhere.

python bare_load_convert.py MODEL. The loader that fits the file, a batch-1 trace, the converter's
concrete-function entry; nothing is checked, named or repaired. Prints seconds as JSON.
"""

import json
import os
import sys
import time

started = time.perf_counter()
os.environ["TF_USE_LEGACY_KERAS"] = "0" if sys.argv[1].endswith(".keras") else "1"
import tensorflow as tf

if sys.argv[1].endswith(".keras"):
    import keras
else:
    import tf_keras as keras
imported, busy = time.perf_counter(), time.process_time()
model = keras.models.load_model(sys.argv[1], compile=False)
specs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in model.inputs]
function = tf.function(lambda x: model(x, training=False)).get_concrete_function(*specs)
converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
size = len(converter.convert())
done = time.perf_counter()
cpu = time.process_time() - busy
times = {"import_s": imported - started, "seconds": done - imported, "cpu_s": cpu}
print(json.dumps({**times, "bytes": size}))
