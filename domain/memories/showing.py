"""Memories and promises as the queries tell them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.mind import SURE, Perceived, confidence_of, evidence_of
from domain.memories.memories import TALKED, Memories
from domain.memories.pledges import Pledge, Pledges, says
from domain.memories.queries import PromisesQuery, RecallQuery, SummaryQuery
from domain.memories.recalling import Remembered, Wanted, recall
from domain.memories.summary import Sources, summary

Shown = Mapping[str, Any]
WITH_MAX = 16


@dataclass(frozen=True, slots=True)
class Kept:
    """What answers are made of: beliefs tell names and the time, memories and promises the rest."""

    beliefs: Beliefs
    memories: Memories
    pledges: Pledges

    def name(self, argument: str) -> str:
        """Return what something is called; what has no name, by its id."""
        return self.beliefs.ground.names.get(argument, argument.partition(".")[2].replace("_", " "))

    def clause(self, seen: Perceived) -> str:
        """Return what is remembered as a clause."""
        if seen.claim.predicate == TALKED:
            _, player, person, did = seen.claim
            return f"{self.name(player)} talked with {self.name(person)} ({did.partition('.')[2]})"
        return self.beliefs.ground.vocabulary.says(seen.claim, self.beliefs.ground.names)


def recalled(kept: Kept, asked: RecallQuery) -> Shown:
    """Return the answer to ``memories.recall``."""
    now_ms = kept.beliefs.told.now_ms if asked.at_ms is None else asked.at_ms
    words = kept.beliefs.ground.vocabulary
    wanted = Wanted(
        now_ms,
        about=asked.about,
        kinds=[words.inverses.get(kind, kind) for kind in asked.kinds],
        position=asked.as_of,
        stage=asked.stage,
        newest=asked.newest,
    )
    found = recall(kept.memories, asked.holder, wanted, asked.limit)
    shelf = kept.memories.shelves.get(asked.holder)
    return {
        "known": bool(found.found),
        "memories": [_memory(kept, each, asked.holder) for each in found.found],
        "left_off": found.left_off,
        "forgotten": shelf.forgotten if shelf else 0,
    }


def summed_up(kept: Kept, asked: SummaryQuery) -> Shown:
    """Return the answer to ``memories.summary``."""
    wanted = Wanted(kept.beliefs.told.now_ms, about=[asked.of], position=asked.as_of, stage=asked.stage)
    sources = Sources(kept.memories, kept.pledges, kept.clause, kept.name)
    found = summary(sources, asked.holder, wanted)
    return {
        "known": bool(found.sentences),
        "sentences": [sentence._asdict() for sentence in found.sentences],
        "left_off": found.left_off,
    }


def promised(kept: Kept, asked: PromisesQuery) -> Shown:
    """Return the answer to ``memories.promises``."""
    found = kept.pledges.asked(asked.of, open_=asked.open, position=asked.as_of)
    rows = [_pledge(kept, each, asked.as_of) for each in islice(found, asked.limit)]
    return {"promises": rows, "left_off": sum(1 for _ in found)}


def _memory(kept: Kept, found: Remembered, holder: str) -> Shown:
    seen = found.seen
    return {
        "claim": str(seen.claim),
        **seen.claim._asdict(),
        "says": kept.clause(seen),
        "over": seen.over,
        "evidence": evidence_of(seen),
        "confidence": confidence_of(seen),
        "teller": seen.teller,
        "hands": len(seen.steps),
        "with": sorted(seen.group - {holder})[:WITH_MAX],
        "place": seen.place,
        "at_ms": seen.at_ms,
        "event": seen.event,
        "position": seen.position,
        "root": seen.root or None,
        "pinned": found.importance == SURE,
        "importance": found.importance,
        "recency": found.recency,
        "relevance": found.relevance,
        "score": found.score,
    }


def _pledge(kept: Kept, pledge: Pledge, position: int | None) -> Shown:
    state = pledge.as_of(position)
    if state == "open":
        pledge = replace(pledge, why="", cause="", ended="", ended_ms=None)
    return {
        **{name: getattr(pledge, name) for name in ("promise", "by", "to", "kind", "deed", "what", "amount")},
        "says": says(pledge, kept.name),
        "made_ms": pledge.made_ms,
        "due_ms": pledge.due_ms,
        "made": pledge.made,
        "position": pledge.position,
        "state": state,
        "why": pledge.why,
        "ended_ms": pledge.ended_ms,
        "ended": pledge.ended or None,
        "cause": pledge.cause or None,
    }
