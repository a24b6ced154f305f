"""Who may know what: decided before anything is searched, and closed where nothing is known of the holder.

Labels name those who may know, so that whoever joins a faction knows its lore at once and nobody keeps lists
of exclusions. A holder of whom the definition says nothing has the label ``everyone`` and their own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.definition.definition import Definition
from domain.lore.chunks import Limits
from domain.lore.messages import EVERYONE
from domain.lore.queries import AUTHOR


@dataclass(frozen=True, slots=True)
class Knower:
    """Who asks, when, and how far in the story.

    Attributes:
        labels: what they have; the author's see all, whatever day and stage.
        realm: where they are.
    """

    labels: frozenset[str]
    day: int = 0
    stage: int = 0
    realm: str = ""

    @property
    def author(self) -> bool:
        """Whether nothing is kept from them."""
        return AUTHOR in self.labels


def labels_of(holder: str, definition: Definition | None, groups: Iterable[str] = ()) -> frozenset[str]:
    """Return the labels of a holder, by what the definition says of them."""
    found = {EVERYONE, holder, *(f"group.{group}" for group in groups)}
    kind, _, id_ = holder.partition(".")
    if kind != "person" or definition is None:
        return frozenset(found)
    person = next((each for each in definition.people if each.id == id_), None)
    if person is None:
        return frozenset(found)
    found.add(f"archetype.{person.archetype}")
    if person.faction:
        found.add(f"faction.{person.faction}")
    home = next((each for each in definition.places if each.id == person.home), None)
    if home:
        found |= {f"side.{home.side}", f"district.{home.district}"}
    return frozenset(found)


def may_know(knower: Knower, limits: Limits) -> bool:
    """Say whether something may be shown. What names nobody who may know it is shown to nobody."""
    if knower.author:
        return True
    return (
        bool(limits.known_by)
        and all(knower.labels & group for group in limits.known_by)
        and limits.stage <= knower.stage
        and limits.from_day <= knower.day < limits.until_day
        and (not limits.realms or knower.realm in limits.realms)
    )
