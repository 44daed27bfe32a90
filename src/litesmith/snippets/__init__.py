"""Code that runs one very file: pure functions of a graph that was read from it.

Add here: a language is one row of `LANGUAGES` (`render.py`), its spelling of types, names and texts
(`spelling.py`), and a template in `templates/`. A template gets the file's `View` and shows how to
load, feed and read; it holds no decisions beyond that.
"""

from litesmith.snippets.render import LANGUAGES, find_language, render
from litesmith.snippets.view import View, view_of

__all__ = ["LANGUAGES", "View", "find_language", "render", "view_of"]
