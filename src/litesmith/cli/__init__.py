"""The command line: parse, call `litesmith.api`, render, exit code. Never imports TensorFlow.

Add here: a file per verb (a typer command in it, and its import in `app.py`), or an option of a
verb. An option of the contract that has no code behind it yet is a row of `later.py`. Modules of
this room import the rest of litesmith inside functions, so that `--help` is immediate.
"""

from litesmith.cli.main import main

__all__ = ["main"]
