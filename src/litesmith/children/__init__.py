"""A child process of our own: started, asked, listened to; its death is told in a sentence.

What a child does is its owner's (`sources/child.py`, `train/child.py`): a table of requests handed
to `serve`, and a `Program` that says how to start it and how to name its failures. Add here what
every child needs, and nothing that knows TensorFlow.
"""

from litesmith.children.process import Child, Program

__all__ = ["Child", "Program"]
