"""Mistakes on the command line, as one sentence with a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from litesmith.cli.later import LATER, LATER_VERBS
from litesmith.errors import InputError


def usage_error(error: Any, args: Sequence[str]) -> InputError:
    """Return what typer found wrong as an `InputError`.

    `error` is a usage error of click, which typer may or may not carry a copy of: it is only known
    by its attributes.
    """
    context = getattr(error, "ctx", None)
    at_root = getattr(context, "parent", None) is None
    verb = "" if at_root else str(getattr(context, "info_name", "") or "")
    option = getattr(error, "option_name", None)
    if option:
        return _unknown_option(option, verb, _options(context))
    if context is not None and at_root:
        return _unknown_verb(args, context)
    message = str(error.format_message()).rstrip(".")
    return InputError(f"{message}.", f"See `litesmith {verb} --help`." if verb else "")


def _unknown_option(option: str, verb: str, known: list[str]) -> InputError:
    if option in LATER.get(verb, ()):
        return InputError(
            f"{option} is not available in this version.", f"See `litesmith {verb} --help`."
        )
    close = difflib.get_close_matches(option, known, 1, 0.5)
    where = f"`litesmith {verb}`" if verb else "litesmith"
    return InputError(
        f"{where} has no option {option}.",
        f"Did you mean {close[0]}?" if close else f"It has {', '.join(known)}.",
    )


def _unknown_verb(args: Sequence[str], context: Any) -> InputError:
    verbs = sorted(context.command.commands)
    given = next((arg for arg in args if not arg.startswith("-")), "")
    if not given:
        return InputError("No command was given.", f"Commands: {', '.join(verbs)}.")
    if given in LATER_VERBS:
        return InputError(f"`litesmith {given}` is not available in this version.")
    close = difflib.get_close_matches(given, verbs, 1, 0.5)
    return InputError(
        f"There is no command '{given}'.",
        f"Did you mean `litesmith {close[0]}`?" if close else f"Commands: {', '.join(verbs)}.",
    )


def _options(context: Any) -> list[str]:
    params = getattr(getattr(context, "command", None), "params", ())
    names = (name for p in params for name in (*p.opts, *getattr(p, "secondary_opts", ())))
    return [name for name in names if name.startswith("--")]
