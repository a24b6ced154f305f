"""Goods: what they cost where, and whether they can be had."""

from collections.abc import Iterator

from domain.definition.faults import Fault, nearest
from domain.definition.goods import GOOD_KINDS
from domain.definition.index import Index

WHOLE = 1_000


def _bands(index: Index) -> Iterator[Fault]:
    for good in index.all.goods:
        low, high = good.band
        if not low <= WHOLE <= high or low == high:
            clause = f"the band {low / WHOLE:g} to {high / WHOLE:g} leaves out the price itself"
            allowed = "a share below 1, then one above: [0.5, 2]"
            yield Fault("bad_band", f"goods.{good.id}.band", clause, allowed)


def _trades(index: Index) -> Iterator[Fault]:
    """Whoever buys what a stall has and sells it back the next day must lose by it."""
    for trade in index.all.trades:
        if trade.id not in GOOD_KINDS:
            clause, allowed = f"there is no sort of good {trade.id!r}", ", ".join(GOOD_KINDS)
            near = nearest(trade.id, GOOD_KINDS)
            yield Fault("unknown_word", f"trades.{trade.id}", clause, allowed, near, at_key=True)
        if trade.margin < 2 * trade.step:
            clause = f"the margin {trade.margin / WHOLE:g} is less than two steps of {trade.step / WHOLE:g}"
            allowed = "a margin of two steps, or who buys something sells it for more the day after"
            yield Fault("bad_margin", f"trades.{trade.id}", clause, allowed)


def _sides(index: Index) -> Iterator[Fault]:
    for good in index.all.goods:
        currency = index.currencies.get(good.price.currency)
        for at, sold in enumerate(good.sold_at):
            place = index.places.get(sold)
            if currency and place and place.side != currency.side:
                clause = (
                    f"{place.id} is {place.side}, and {currency.id} are taken on the {currency.side} side"
                )
                path = f"goods.{good.id}.sold_at[{at}]"
                allowed = f"a place of the {currency.side} side, or a price in another currency"
                yield Fault("wrong_side", path, clause, allowed, other=f"goods.{good.id}.price")


def _shops(index: Index) -> Iterator[Fault]:
    """Goods are sold where one can trade, if the definition has an activity of that name."""
    if "trade" not in index.activities:
        return
    for good in index.all.goods:
        for at, sold in enumerate(good.sold_at):
            place = index.places.get(sold)
            if place and "trade" not in index.offers(place):
                path = f"goods.{good.id}.sold_at[{at}]"
                clause = f"one cannot trade at {place.id}"
                yield Fault(
                    "not_offered", path, clause, "a place that offers trade", other=f"places.{place.id}"
                )


def _unique(index: Index) -> Iterator[Fault]:
    for good in index.all.goods:
        places = set(good.sold_at) | set(good.made_at)
        if good.unique and len(places) > 1:
            clause = f"there is one only, and it is at {', '.join(sorted(places))}"
            yield Fault("not_unique", f"goods.{good.id}.unique", clause, "one place, or unique: false")
        if good.unique and good.keeps is not None:
            clause = "there is one only, and it spoils"
            yield Fault("not_unique", f"goods.{good.id}.keeps", clause, "no 'keeps' for what is unique")


def _obtainable(index: Index) -> Iterator[Fault]:
    """Yield keys of doors that nobody can get, and goods that a quest wants and nothing gives."""
    rewards = {good for quest in index.all.quests for end in quest.ends for good, _ in end.reward.goods}
    had = rewards | {good.id for good in index.all.goods if good.sold_at or good.made_at}
    for place in index.all.places:
        if place.lock and place.lock.key in index.goods and place.lock.key not in had:
            clause = f"nobody can get {place.lock.key}: it is neither sold nor made nor a reward"
            path, there = f"places.{place.id}.lock.key", f"goods.{place.lock.key}"
            yield Fault("unobtainable", path, clause, "a key that one can get", other=there)
    for way in index.all.ways:
        if way.lock and way.lock.key in index.goods and way.lock.key not in had:
            clause = f"nobody can get {way.lock.key}: it is neither sold nor made nor a reward"
            path, there = f"ways.{way.id}.lock.key", f"goods.{way.lock.key}"
            yield Fault("unobtainable", path, clause, "a key that one can get", other=there)
    for quest in index.all.quests:
        for stage in quest.stages:
            for at, objective in enumerate(stage.objectives):
                if (
                    objective.kind == "collect"
                    and objective.good in index.goods
                    and objective.good not in had
                ):
                    clause = f"nobody can get {objective.good}: it is neither sold nor made nor a reward"
                    path = f"quests.{quest.id}.stages.{stage.id}.do[{at}].collect"
                    there = f"goods.{objective.good}"
                    yield Fault("unobtainable", path, clause, "a good with sold_at or made_at", other=there)


def _counts(index: Index) -> Iterator[Fault]:
    for quest in index.all.quests:
        for stage in quest.stages:
            for at, objective in enumerate(stage.objectives):
                good = index.goods.get(objective.good or "")
                if good and good.unique and objective.count > 1:
                    clause = f"it wants {objective.count} of {good.id}, and there is one only"
                    path = f"quests.{quest.id}.stages.{stage.id}.do[{at}].count"
                    yield Fault("not_unique", path, clause, "1", other=f"goods.{good.id}.unique")


GOODS_CHECKS = (
    ((), _bands),
    ((), _trades),
    ((), _sides),
    (("activity", "kind of place"), _shops),
    ((), _unique),
    (("good", "quest"), _obtainable),
    ((), _counts),
)
