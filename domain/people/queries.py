"""Queries about people."""

from typing import ClassVar

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.people.messages import PersonRef
from domain.places.messages import PlaceRef


class PersonQuery(Query, name="people.person", may=(GRANTED, *PEOPLE)):
    """Ask how somebody is, and what they do.

    The result is a map with person, name, role, who (the id that the place feed has them under), place ("" on
    the way), bound_for, action, doing (in words), with_person, since_ms, until_ms, reason, need, claim, mood
    (thousandths), needs (thousandths by name, as of game_ms), purse and game_ms; null for who does not live
    here. Of the purse: coins that they had when they decided last, in the smallest coin of currency; owed
    (earned, and paid at the end of the shift); carries (how often they can do what with what they have
    along); bought (market, good, quantity and coins of the last time, or null). Who has none: null.
    """

    person: PersonRef

    example: ClassVar = {"person": "una_pell"}


class KnownQuery(Query, name="people.known", may=(GRANTED, *PEOPLE)):
    """Ask what somebody knows of what happened: what they saw, and what they were told.

    The result is a list of maps, the newest first: topic (player.ann, way.marsh_ferry, person.una_pell), what
    (the event's name), place, happened_ms, event (its id), position, hands (0: they saw it), told_by, and
    evidence (id of the event by which they know: the event itself, or people.told).
    """

    person: PersonRef

    example: ClassVar = {"person": "una_pell"}


class PeopleHereQuery(Query, name="people.here", may=(GRANTED, *PEOPLE)):
    """Ask who of the people is in a place, and what they do there.

    The result is a list of maps as people.person gives them, by id; all who live here if no place is named.
    """

    place: PlaceRef | None = None

    example: ClassVar = {"place": "ropewalk_quay"}
