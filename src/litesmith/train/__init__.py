"""Train the graph that ships: weights in grid units, taught by the float graph.

`model.py` turns a graph into a Keras model and back; `distill.py` teaches a quantized graph what
the float one answers, on examples without labels. What may be added here: another loss
(`losses.py`), another augmentation (`augment.py`: one row). TensorFlow is imported by the modules
that compute; the nouns (`nouns.py`, `learned.py`) need NumPy alone.
"""
