"""Whether something can be promised, by what the world has and who is there. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from domain.definition.definition import Definition
from domain.kernel.decider import Rejected
from domain.promises.messages import MakePromise

NEEDS = {"give": "good", "pay": "currency", "go": "place", "do": "person", "never": "person"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where somebody promises.

    Attributes:
        place: where they are; "" at none.
        there: all who are there. awake: those of them who are awake.
    """

    place: str
    there: Collection[str]
    awake: Collection[str]


def see_makeable(asked: MakePromise, scene: Scene, definition: Definition, now_ms: int) -> None:
    """See that somebody can promise this, here and now.

    Raises:
        Rejected: ``oneself``, ``not_there``, ``nobody_hears``, ``bad_promise``, ``unknown_thing``,
            ``needs_due``, ``due_over``.
    """
    if asked.by == asked.to:
        raise Rejected("oneself", f"{asked.by} promises themself", field="to", remedy="name somebody else")
    if not scene.place:
        raise Rejected("not_there", f"{asked.by} is at no place", field="by", remedy="enter or arrive first")
    if asked.to not in scene.there:
        what = f"{asked.to} is not at {scene.place}"
        raise Rejected("not_there", what, field="to", remedy="people.here tells who is there")
    for who in (asked.by, asked.to):
        if who not in scene.awake:
            what = f"{who} sleeps"
            raise Rejected("nobody_hears", what, field="to", remedy="promise who is awake")
    _see_terms(asked, definition)
    _see_time(asked, now_ms)


def _see_terms(asked: MakePromise, definition: Definition) -> None:
    kind, needed = asked.what.partition(".")[0], NEEDS[asked.kind]
    fits = kind == needed or (needed == "person" and kind == "player")
    if not fits or bool(asked.deed) != (asked.kind in ("do", "never")):
        what = f"to {asked.kind} {asked.deed} {asked.what} is no promise"
        remedy = "give takes good., pay currency., go place.; do and never take a deed and person. or player."
        raise Rejected("bad_promise", what, field="what", remedy=remedy)
    if kind != "player" and asked.what not in _things(definition):
        what = f"the world has no {asked.what}"
        raise Rejected("unknown_thing", what, field="what", remedy="name something of its definition")


def _things(definition: Definition) -> Iterator[str]:
    for kind, entries in (
        ("good", definition.goods),
        ("currency", definition.currencies),
        ("place", definition.places),
        ("person", definition.people),
    ):
        yield from (f"{kind}.{each.id}" for each in entries)


def _see_time(asked: MakePromise, now_ms: int) -> None:
    if asked.due_ms is None:
        if asked.kind == "never":
            what = "nobody could say that it was kept"
            raise Rejected("needs_due", what, field="due_ms", remedy="say until when")
    elif asked.due_ms <= now_ms:
        what = f"game time is {now_ms} already"
        raise Rejected("due_over", what, field="due_ms", remedy="name a later time")
