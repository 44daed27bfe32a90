"""Run a .tflite on the runtime that ships it.

Add here: one adapter per runtime that can execute a file (LiteRT today) and what all of them share.
What a runtime *can* run is data and lives in `targets/`.
"""

from litesmith.runtime.session import KERNELS, Port, Session, dequantize, quantize

__all__ = ["KERNELS", "Port", "Session", "dequantize", "quantize"]
