"""What ops without a .tflite kernel are written as.

Add an op: a function of (the node's attributes, its tensors, …) to the table of `elementwise` or
`structural`, and its name to the tests, which hold every row against TensorFlow's own kernel.
"""
