"""What is said of traces: what is to be seen, what one concludes, and a place described by all of it. Pure.

A description claims nothing but what its traces tell, and names nobody whom no trace shows: what of a claim
does not show is somebody, something, somewhere. It follows from place and time alone, so everybody gets the
same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.beliefs.claims import Claim, kind_of
from domain.definition.traces import ARGUMENTS
from domain.kernel.decider import Rejected
from domain.traces.queries import DescribeQuery, TracesQuery
from domain.traces.traces import Seen, Setting, Traces, known_of, whole

FRESH, FAINT = 667, 334
"""Thousandths of what was left at first: as much and more is fresh, less is faint."""

MANY = 3
SENTENCES_MAX = 6
SURE, LIKELY, POSSIBLE = 900, 600, 300

UNKNOWN = {"person": "somebody", "player": "somebody", "faction": "somebody", "place": "somewhere"}
"""What stands for an argument that does not show; for any other kind: something."""

Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a description.

    Attributes:
        traces: what it tells of.
        claim: what it concludes, if all of that shows; None: it says what is to be seen, or not all shows.
    """

    says: str
    traces: tuple[str, ...]
    claim: Claim | None = None


def sees(seen: Seen, setting: Setting) -> str:
    """Return what is to be seen of a trace."""
    rule = seen.rule
    share = seen.strength * 1_000 // rule.strength
    text = rule.says
    if share >= FRESH:
        text = rule.fresh or text
    elif share < FAINT:
        text = rule.faint or text
    return _filled(text, seen, setting)


def concludes(seen: Seen, setting: Setting) -> str:
    """Return what one concludes from a trace, as a sentence; "": it tells nothing of what happened."""
    words = setting.ground.vocabulary
    if not words.is_state(seen.trace.claim):
        shown = known_of(seen.trace, seen.rule)
        clause = words.predicates[seen.trace.claim.predicate].says
        for name, argument in zip(ARGUMENTS, seen.trace.claim[1:], strict=True):
            unknown = UNKNOWN.get(kind_of(argument), "something")
            word = _name(argument, setting) if name in shown else unknown
            clause = clause.replace(f"{{{name}}}", word)
        return _hedged(clause, seen.rule.certainty)
    return ""


def claim_of(seen: Seen) -> Claim | None:
    """Return what one may believe by a trace; None: not all of it shows."""
    return seen.trace.claim if whole(seen.trace, seen.rule) else None


def describe(found: Sequence[Seen], setting: Setting) -> Sequence[Part]:
    """Return a place's description: what is to be seen, then what follows from it, each once."""
    by_rule: dict[str, list[Seen]] = {}
    for seen in found:
        by_rule.setdefault(seen.rule.id, []).append(seen)
    sights: dict[str, list[Seen]] = {}
    for together in by_rule.values():
        if len(together) >= MANY and together[0].rule.many:
            sights[_filled(together[0].rule.many, together[0], setting)] = together
            continue
        for seen in together:
            sights.setdefault(sees(seen, setting), []).append(seen)
    kept = list(sights.items())[:SENTENCES_MAX]
    parts = [Part(text, tuple(seen.trace.id for seen in of)) for text, of in kept]
    return [*parts, *_conclusions([seen for _, of in kept for seen in of], setting)]


def _conclusions(found: Sequence[Seen], setting: Setting) -> Sequence[Part]:
    concluded: dict[str, list[Seen]] = {}
    for seen in found:
        if text := concludes(seen, setting):
            concluded.setdefault(text, []).append(seen)
    return [
        Part(text, tuple(seen.trace.id for seen in of), claim_of(of[0]))
        for text, of in list(concluded.items())[:SENTENCES_MAX]
    ]


def at(traces: Traces, asked: TracesQuery, now_ms: int) -> Shown:
    """Return the answer to ``traces.at``.

    Raises:
        Rejected: ``place_unknown``, ``as_of_too_old``.
    """
    at_ms = now_ms if asked.at_ms is None else asked.at_ms
    found = _look(traces, asked, at_ms)
    return {
        "place": asked.place,
        "at_ms": at_ms,
        "weather": traces.weather(asked.place, at_ms, asked.as_of) or None,
        "indoors": asked.place in traces.setting.roofed,
        "traces": [_row(traces, seen, asked) for seen in found],
    }


def described(traces: Traces, asked: DescribeQuery, now_ms: int) -> Shown:
    """Return the answer to ``traces.describe``.

    Raises:
        Rejected: ``place_unknown``, ``as_of_too_old``.
    """
    at_ms = now_ms if asked.at_ms is None else asked.at_ms
    parts = describe(_look(traces, asked, at_ms), traces.setting)
    rows = [
        {"says": part.says, "traces": part.traces, "claim": part.claim and str(part.claim)} for part in parts
    ]
    text = " ".join(part.says for part in parts)
    return {"place": asked.place, "at_ms": at_ms, "text": text, "parts": rows}


def infers(seen: Seen, setting: Setting) -> Shown:
    """Return what one concludes from a trace, as queries tell it."""
    claim = claim_of(seen)
    says = concludes(seen, setting)
    return {"says": says, "claim": claim and str(claim), "certainty": seen.rule.certainty}


def _look(traces: Traces, asked: TracesQuery | DescribeQuery, at_ms: int) -> Sequence[Seen]:
    if asked.place not in traces.setting.kinds:
        remedy = "ask places.map which there are"
        raise Rejected("place_unknown", f"there is no place {asked.place}", field="place", remedy=remedy)
    try:
        return traces.look(asked.place, at_ms, asked.as_of)
    except LookupError as error:
        remedy = "ask of a later time, or as of a later position"
        raise Rejected("as_of_too_old", str(error), field="as_of", remedy=remedy) from None


def _row(traces: Traces, seen: Seen, asked: TracesQuery) -> Shown:
    trace, player = seen.trace, asked.player
    return {
        "trace": trace.id,
        "rule": trace.rule,
        "sees": sees(seen, traces.setting),
        "strength": seen.strength,
        "infers": infers(seen, traces.setting),
        "event": trace.event,
        "position": trace.position,
        "left_ms": trace.at_ms,
        "found": player is not None and traces.found(trace.id, player, asked.as_of),
    }


def _filled(text: str, seen: Seen, setting: Setting) -> str:
    text = text.replace("{place}", _name(f"place.{seen.trace.place}", setting))
    for name, argument in known_of(seen.trace, seen.rule).items():
        text = text.replace(f"{{{name}}}", _name(argument, setting))
    return _sentence(text)


def _name(argument: str, setting: Setting) -> str:
    return setting.ground.names.get(argument, argument.partition(".")[2])


def _hedged(clause: str, certainty: int) -> str:
    if certainty >= SURE:
        return _sentence(clause) + "."
    if certainty >= LIKELY:
        return f"It looks as if {clause}."
    if certainty >= POSSIBLE:
        return f"It may be that {clause}."
    return f"One might think that {clause}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
