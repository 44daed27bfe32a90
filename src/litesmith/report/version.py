"""The version that every result carries; `pyproject.toml` says the same."""

__version__ = "0.1.0"
