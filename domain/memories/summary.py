"""What somebody remembers of somebody, in short sentences that each cite their events. Pure.

A sentence is made of memories that say the same of the same; no words are anybody's but the predicates' own.
Promises between the two come first, each with its end; then what is pinned; nothing of either is left out,
however much there is. Of the rest those come that matter most.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.beliefs.mind import SURE, Perceived, evidence_of
from domain.memories.memories import Memories
from domain.memories.pledges import Pledge, Pledges, Says, says
from domain.memories.recalling import Remembered, Wanted, recall

SENTENCES_MAX = 12
"""Beside promises, and what is pinned."""

CITED_MAX = 16
ALL = 10**9
OF_PROMISES = ("promised", "kept_promise", "broke_promise")
"""Predicates of which the promises themselves say more."""

Clause = Callable[[Perceived], str]
"""From a memory to its claim as a clause."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a summary is made of, and how its things are called."""

    memories: Memories
    pledges: Pledges
    clause: Clause
    name: Says


class Sentence(NamedTuple):
    """What somebody remembers, in a sentence.

    Attributes:
        events: ids of those that say so, the newest `CITED_MAX`, the oldest first.
        times: how often.
        from_ms, to_ms: between which game times.
        pinned: whether it is in every summary.
    """

    text: str
    events: Sequence[str]
    times: int
    from_ms: int
    to_ms: int
    pinned: bool


class Summary(NamedTuple):
    """The sentences, and how many more there are of what is not pinned."""

    sentences: Sequence[Sentence]
    left_off: int


def summary(sources: Sources, holder: str, wanted: Wanted) -> Summary:
    """Return what a holder remembers of what ``wanted`` names, as of when it says."""
    of, name = wanted.about[0], sources.name
    promises = [
        _promise(each, wanted.position, name)
        for each in sources.pledges.between(holder, of, wanted.position)
        if each.made_ms <= wanted.now_ms
    ]
    groups: dict[tuple[object, ...], list[Remembered]] = {}
    for each in recall(sources.memories, holder, wanted, ALL).found:
        if each.seen.claim.predicate not in OF_PROMISES or not promises:
            groups.setdefault(_alike(each.seen), []).append(each)
    pinned: list[Sentence] = []
    loose: list[Sentence] = []
    for group in groups.values():
        sentence = _sentence(group, sources)
        (pinned if sentence.pinned else loose).append(sentence)
    kept = sorted([*pinned, *loose[:SENTENCES_MAX]], key=lambda each: (not each.pinned, each.to_ms))
    return Summary([*promises, *kept], max(0, len(loose) - SENTENCES_MAX))


def _alike(seen: Perceived) -> tuple[object, ...]:
    """Return by what memories make one sentence: the claim, whether it is over, and how one knows."""
    steps = seen.steps[-1].teller if seen.steps else ""
    return seen.claim, seen.over, evidence_of(seen), steps


def _sentence(group: Sequence[Remembered], sources: Sources) -> Sentence:
    seen = sorted((each.seen for each in group), key=lambda each: (each.at_ms, each.position))
    first = seen[0]
    text = sources.clause(first)
    if first.over:
        text = f"it is over that {text}"
    if first.steps:
        who = sources.name(first.steps[-1].teller)
        text = f"{who} said that {text}"
    if len(seen) > 1:
        text = f"{text}, {len(seen)} times"
    events = _cited(each.event for each in seen)
    pinned = group[0].importance == SURE
    return Sentence(_begun(text), events, len(seen), first.at_ms, seen[-1].at_ms, pinned)


def _promise(pledge: Pledge, position: int | None, name: Says) -> Sentence:
    state, text = pledge.as_of(position), says(pledge, name)
    events, to_ms = [pledge.made], pledge.made_ms
    if state != "open":
        events = _cited((pledge.made, pledge.cause, pledge.ended))
        to_ms = pledge.made_ms if pledge.ended_ms is None else pledge.ended_ms
    tail = {
        "open": "which is open",
        "kept": "and kept it",
        "broken": "and broke it",
        "expired": "which nobody can keep any more",
        "released": "and was let off",
    }[state]
    if pledge.why == "lapsed" and state == "expired":
        tail = "which has lapsed"
    return Sentence(_begun(f"{text}, {tail}"), events, 1, pledge.made_ms, to_ms, pinned=True)


def _cited(events: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, events)))[-CITED_MAX:]


def _begun(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
