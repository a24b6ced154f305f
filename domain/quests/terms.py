"""A quest as an instance has it: the plain data of its definition, read once."""

from collections.abc import Mapping
from typing import Any

from domain.definition.entries import Key, data_of, digest_of
from domain.definition.quests import Quest
from domain.definition.quests_schema import QUESTS
from domain.definition.reading import Reading

_KEPT: dict[str, Quest] = {}
KEPT_MAX = 4_096


def quest_of(id_: str, terms: Mapping[str, Any], digest: str = "") -> Quest:
    """Return the quest that terms say; those of a digest are read once.

    Raises:
        Unreadable: they say none; what is recorded was read before.
    """
    known = digest or digest_of(dict(terms))
    key = f"{id_} {known}"
    if (found := _KEPT.get(key)) is None:
        [found] = QUESTS(data_of({Key("quests", id_): dict(terms)})["quests"], "quests", Reading())
        if len(_KEPT) >= KEPT_MAX:
            _KEPT.clear()
        _KEPT[key] = found
    return found
