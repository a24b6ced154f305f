"""What the models speak with of a definition: the part that they have learnt, and how its people talk."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from domain.definition.definition import Definition, Forms


class _Named(Protocol):
    @property
    def id(self) -> str: ...


E = TypeVar("E", bound=_Named)


def pack_of(definition: Definition, *, everybody: bool = False) -> dict[str, Any]:
    """Return the content pack of a definition (`aicore.content.world.World`), as plain data.

    It holds what the models have learnt, in the order in which they did. A dark home counts as the light
    district over it: the models know that a drowned lord "lives at the Ropewalk". ``everybody`` adds, behind
    those whom the models have learnt, everyone else: who they are stands in the prompt; and everybody's story
    and lines, for templates that have a place for them.
    """
    trained = definition.trained
    districts, people = _by_id(definition.districts), _by_id(definition.people)
    factions, quests, facts = (
        _by_id(definition.factions),
        _by_id(definition.quests),
        _by_id(definition.facts),
    )
    goods, places = _by_id(definition.goods), _by_id(definition.places)

    learnt = {*trained.factions, *trained.people}

    def rest(entries: Mapping[str, E]) -> list[str]:
        return [id_ for id_ in entries if id_ not in learnt] if everybody else []

    def home(place: str) -> str:
        district = districts[places[place].district]
        return district.id if district.side == "light" else district.twin

    return {
        "district": [
            {
                "id": each.id,
                "name": each.name,
                "word": each.seen,
                "way": each.by,
                "twin": districts[each.twin].name,
            }
            for each in _chosen(trained.districts, districts)
        ],
        "faction": [
            {"id": each.id, "name": each.name, "world": each.side}
            for each in _chosen(
                dict.fromkeys([*trained.factions, *(factions if everybody else ())]), factions
            )
        ],
        "npc": [
            {
                "id": each.id,
                "name": each.name,
                "role": each.role,
                "faction": each.faction or "",
                "home": home(each.home),
                "archetype": each.archetype,
                "voice": each.voice,
                "closed": each.closed,
                **({"persona": each.story, "examples": list(each.examples)} if everybody else {}),
            }
            for each in _chosen([*trained.people, *rest(people)], people)
        ],
        "quest": [
            {"id": each.id, "aim": each.aim, "word": each.word} for each in _chosen(trained.quests, quests)
        ],
        "lore": [{"about": each.about, "text": each.text} for each in _chosen(trained.facts, facts)],
        "words": {
            "mood": list(trained.moods),
            "weather": [word for word, _ in trained.weathers],
            "time": list(trained.times),
            "good": [each.name for each in _chosen(trained.goods, goods)],
            "draught": [each.name for each in _chosen(trained.draughts, goods)],
        },
        "closed": definition.world.closed,
    }


def speech_of(definition: Definition) -> dict[str, Any]:
    """Return how a definition speaks (`aicore.content.speech.Speech`), as plain data."""
    return {part: _plain(forms) for part, forms in (definition.speech or {}).items()}


def _plain(forms: Forms) -> dict[str, Any] | list[str]:
    if isinstance(forms, Mapping):
        return {key: _plain(inner) for key, inner in forms.items()}
    return list(forms)


def _by_id(entries: Iterable[E]) -> dict[str, E]:
    return {each.id: each for each in entries}


def _chosen(ids: Iterable[str], entries: Mapping[str, E]) -> list[E]:
    return [entries[id_] for id_ in ids]
