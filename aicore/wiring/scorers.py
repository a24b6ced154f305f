"""Scorers of the operator's own: functions named in AICORE_SCORERS, beside the built-in ones."""

import importlib
from collections.abc import Mapping

from aicore.settings import SettingsError
from domain.evaluation.scorers import KNOWN_SCORERS, Scorer


def load_scorers(named: str) -> Mapping[str, Scorer]:
    """Return the functions of a list such as ``rhymes.py_module:rhymes,house.style:tone`` by their names.

    Raises:
        SettingsError: one cannot be imported, is no function, or has a built-in one's name.
    """
    found: dict[str, Scorer] = {}
    for each in filter(None, (part.strip() for part in named.split(","))):
        module, _, name = each.partition(":")
        try:
            scorer = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise SettingsError(f"AICORE_SCORERS: {each!r}: {error}; write module:function") from None
        if not callable(scorer):
            raise SettingsError(f"AICORE_SCORERS: {each!r} is no function")
        if name in KNOWN_SCORERS or name in found:
            raise SettingsError(f"AICORE_SCORERS: {each!r}: there is a scorer {name!r} already; rename yours")
        found[name] = scorer
    return found
