"""Put the digits example into wheels; an editable install uses the checkout's own examples/."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DIGITS = ("digits.keras", "digits.npz")


class DemoFiles(BuildHookInterface):
    """Adds what `litesmith demo` of an installed wheel needs, as litesmith/_examples/digits/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, except to an editable install, where a copy would go stale."""
        if version != "editable":
            for name in DIGITS:
                source, target = f"examples/digits/{name}", f"litesmith/_examples/digits/{name}"
                build_data["force_include"][source] = target
