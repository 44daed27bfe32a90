"""`--nms`: boxes and scores become detections, by the op that every TFLite runtime has for them.

Add here: a form of boxes (a row of `options.CORNERS` or `CENTERS`). The op is
TFLite_Detection_PostProcess; what it computes is said a second time in `oracle.py`.
"""

from litesmith.interface.detections.ops import detections
from litesmith.interface.detections.options import Detections, parse_detections

__all__ = ["Detections", "detections", "parse_detections"]
