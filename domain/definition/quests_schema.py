"""How quests are written: stages with what is to do, ways on, ends, and what if somebody is gone."""

from collections.abc import Callable
from functools import partial
from typing import Any

from domain.definition.climate import WEATHERS
from domain.definition.faults import Fault
from domain.definition.forms import duration, price, span
from domain.definition.quests import (
    ALWAYS,
    GONE_RULES,
    OUTCOMES,
    Branch,
    Condition,
    End,
    Gone,
    Objective,
    Quest,
    Reward,
    Stage,
)
from domain.definition.reading import (
    Field,
    Reader,
    Reading,
    flag,
    keyed,
    listed,
    maybe,
    name_of,
    needed,
    record,
    section,
    text,
    thousandths,
    whole,
    word,
)

QUESTS_MAX, STAGES_MAX, ENDS_MAX, OBJECTIVES_MAX, BRANCHES_MAX = 2_000, 64, 32, 16, 16
COUNT_MAX, EXPERIENCE_MAX = 1_000, 1_000_000

_NAME, _TEXT = text(most=128), text(most=2_000)
_COUNT = whole(1, COUNT_MAX)
_REGARD = thousandths(-1_000, 1_000)
_VERBS = ("collect", "deliver", "talk", "go", "banish", "wait")


def _condition(
    phase: tuple[str, ...],
    weather: tuple[str, ...],
    standing: tuple[tuple[str, int], ...],
    **more: object,
) -> Condition:
    return Condition(phase, weather, standing=standing[0] if standing else None, **more)  # type: ignore[arg-type]


CONDITION = record(
    _condition,
    phase=maybe(listed(name_of("phase"), least=1, most=16), ()),
    weather=maybe(listed(word(*WEATHERS), least=1, most=len(WEATHERS)), ()),
    has=maybe(name_of("good")),
    standing=maybe(keyed(name_of("faction"), _REGARD, least=1, most=1), ()),
    done=maybe(name_of("quest")),
    alive=maybe(name_of("person")),
    hours=maybe(span),
)

_OBJECTIVE: Reader[dict[str, Any]] = record(
    dict,
    collect=maybe(name_of("good")),
    deliver=maybe(name_of("good")),
    talk=maybe(name_of("person")),
    go=maybe(name_of("place")),
    banish=maybe(name_of("place")),
    wait=maybe(duration),
    to=maybe(name_of("person")),
    count=maybe(_COUNT),
    when=maybe(CONDITION, ALWAYS),
)


def _objective(value: object, path: str, to: Reading) -> Objective:
    found = _OBJECTIVE(value, path, to)
    verbs = [verb for verb in _VERBS if found[verb] is not None]
    if len(verbs) != 1:
        clause = f"there is {', '.join(verbs)} at once" if verbs else "nothing is to do"
        raise to.fail(Fault("bad_objective", path, clause, f"exactly one of {', '.join(_VERBS)}"))
    verb = verbs[0]
    if (found["to"] is not None) != (verb == "deliver"):
        clause = "deliver says nobody to deliver to" if verb == "deliver" else f"{verb} has a field 'to'"
        allowed = "deliver: a good, to: a person; all else without 'to'"
        raise to.fail(Fault("bad_objective", path, clause, allowed))
    if found["count"] is not None and verb not in ("collect", "deliver"):
        raise to.fail(
            Fault("bad_objective", path, f"{verb} has a field 'count'", "count: for collect, deliver")
        )
    return Objective(
        verb,  # type: ignore[arg-type]
        person=found["talk"] or found["to"],
        place=found["go"] or found["banish"],
        good=found["collect"] or found["deliver"],
        count=found["count"] or 1,
        seconds=found["wait"] or 0,
        when=found["when"],
    )


def _next(kind: str) -> Reader[tuple[Branch, ...]]:
    """Return the reader of the ways on from a stage: an id, or a list of maps."""
    to_stage = name_of(kind)
    branch = record(Branch, to=needed(to_stage), when=maybe(CONDITION, ALWAYS), choice=maybe(_TEXT, ""))
    branches = listed(branch, least=1, most=BRANCHES_MAX)

    def read(value: object, path: str, to: Reading) -> tuple[Branch, ...]:
        if isinstance(value, list):
            return branches(value, path, to)
        return (Branch(to_stage(value, path, to)),)

    return read


_NO_OBJECTIVES: tuple[Objective, ...] = ()
_OBJECTIVES = listed(_objective, most=OBJECTIVES_MAX)


def _stages(quest: str) -> Reader[tuple[Stage, ...]]:
    kind = f"stage or end of {quest}"
    fields: dict[str, Field[Any]] = {
        "text": needed(_TEXT),
        "do": maybe(_OBJECTIVES, _NO_OBJECTIVES),
        "next": needed(_next(kind)),
        "within": maybe(duration),
        "late": maybe(name_of(kind)),
    }

    def make(do: tuple[Objective, ...], next: tuple[Branch, ...], **more: object) -> Stage:
        return Stage(objectives=do, branches=next, **more)  # type: ignore[arg-type]

    def stage(id_: str) -> Reader[Stage]:
        read = record(partial(make, id=id_), **fields)

        def checked(value: object, path: str, to: Reading) -> Stage:
            found = read(value, path, to)
            if (found.within is None) != (found.late is None):
                clause = "'within' and 'late' do not come together"
                raise to.fail(
                    Fault("bad_deadline", path, clause, "both, or neither: within: 2 days, late: an end")
                )
            return found

        return checked

    return section(kind, stage, most=STAGES_MAX, least=1)


_REWARD = record(
    Reward,
    money=maybe(listed(price, most=8), ()),
    goods=maybe(keyed(name_of("good"), _COUNT, most=32), ()),
    standing=maybe(keyed(name_of("faction"), _REGARD, most=16), ()),
    experience=maybe(whole(0, EXPERIENCE_MAX), 0),
)


def _ends(quest: str) -> Reader[tuple[End, ...]]:
    fields: dict[str, Field[Any]] = {
        "outcome": needed(word(*OUTCOMES)),
        "text": needed(_TEXT),
        "reward": maybe(_REWARD, Reward()),
    }
    build = partial(_end, fields)
    return section(f"stage or end of {quest}", build, most=ENDS_MAX, least=1)


def _end(fields: dict[str, Field[Any]], id_: str) -> Reader[End]:
    return record(partial(End, id=id_), **fields)


_GONE = record(Gone, rule=needed(word(*GONE_RULES)), text=needed(_TEXT), to=maybe(name_of("person")))


def _gone(value: object, path: str, to: Reading) -> Gone:
    found = _GONE(value, path, to)
    if (found.to is not None) != (found.rule == "pass_on"):
        clause = (
            "pass_on says nobody to pass it on to" if found.to is None else f"{found.rule} has a field 'to'"
        )
        raise to.fail(Fault("bad_gone", path, clause, "pass_on with to: a person; all else without 'to'"))
    return found


def _quest(id_: str) -> Reader[Quest]:
    def make(if_giver_gone: Gone, if_target_gone: Gone, **more: object) -> Quest:
        return Quest(id=id_, giver_gone=if_giver_gone, target_gone=if_target_gone, **more)  # type: ignore[arg-type]

    return record(
        make,
        name=needed(_NAME),
        aim=needed(_TEXT),
        word=needed(_NAME),
        giver=needed(name_of("person")),
        stages=needed(_stages(id_)),
        ends=needed(_ends(id_)),
        if_giver_gone=needed(_gone),
        if_target_gone=needed(_gone),
        offered=maybe(CONDITION, ALWAYS),
        party=maybe(flag, False),
        again=maybe(duration),
    )


QUESTS: Callable[[object, str, Reading], tuple[Quest, ...]] = section(
    "quest", _quest, most=QUESTS_MAX, whole=False
)
