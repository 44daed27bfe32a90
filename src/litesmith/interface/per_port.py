"""`NAME:VALUE` options: see `litesmith.data.per_port`."""

from litesmith.data.per_port import by_port

__all__ = ["by_port"]
