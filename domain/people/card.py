"""How somebody is, as one shows it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.people.cast import Cast
from domain.people.lives import Life, who_of
from domain.people.messages import IDLE
from domain.people.needs import levels_at
from domain.people.rules import FULL, MILLE

WORDS = {IDLE: "doing nothing"}


def card(life: Life, cast: Cast, now_ms: int) -> Mapping[str, Any]:
    """Return what the queries tell of a person."""
    row = cast.rows[life.person]
    person, levels = cast.people[row], levels_at(cast, life, now_ms)
    over = now_ms >= life.until_ms and life.journey is None
    action = IDLE if over else life.action
    return {
        "person": life.person,
        "name": person.name,
        "role": person.role,
        "who": who_of(life.person),
        "place": "" if life.journey else life.place,
        "bound_for": life.at if life.journey else "",
        "action": action,
        "doing": WORDS.get(action) or cast.words[cast.act_rows[action]],
        "with_person": life.with_person,
        "since_ms": life.begins_ms,
        "until_ms": life.until_ms,
        "reason": life.reason,
        "need": life.need,
        "claim": life.claim,
        "mood": mood(cast, row, levels),
        "needs": {need: level * MILLE // FULL for need, level in zip(cast.needs, levels, strict=True)},
        "purse": _purse(life, cast, row),
        "game_ms": now_ms,
    }


def _purse(life: Life, cast: Cast, row: int) -> Mapping[str, Any] | None:
    """Return what somebody had to spend when they decided last, and what they bought; None: no purse."""
    if life.coins is None:
        return None
    return {
        "coins": life.coins,
        "currency": cast.living.currencies[row],
        "owed": life.owed,
        "carries": dict(life.carries),
        "bought": life.bought.model_dump() if life.bought else None,
    }


def mood(cast: Cast, row: int, levels: Sequence[int]) -> int:
    """Return how well somebody feels, in thousandths: the mean of what they need, by weight.

    What somebody cannot fill anyway does not count.
    """
    weights = cast.weights[row] * cast.drains[row]
    total = int(weights.sum())
    felt = sum(level * weight for level, weight in zip(levels, weights.tolist(), strict=True))
    return felt * MILLE // FULL // total if total else MILLE
