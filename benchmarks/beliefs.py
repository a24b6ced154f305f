"""Facts and beliefs: false-belief stories, facts that change, attempts to talk the world; folds and queries.

The stories' answers come from an oracle that holds a mind for every chain of people and changes all of them
at every step (`tests/unit/beliefs/stories.py`), those written by hand from their reader; the facts' from
another reading of the predicates. The world is the sample world, lived for some days without servers
(`aicore.headless`); times are CPU times of this process.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

from ruamel.yaml import YAML

from aicore.content.sample_world import sample_definition, sample_entries
from aicore.headless.simulation import Made, hours, opened
from benchmarks.harness import Progress, Report, percentile
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import RecordedEvent
from domain.beliefs import showing
from domain.beliefs.beliefs import Beliefs
from domain.beliefs.facts import Facts
from domain.beliefs.queries import BelievedQuery, FactsQuery, WhyQuery
from domain.kernel.event import Event
from handlers.beliefs.view import BeliefsView
from tests.unit.beliefs.kit import words
from tests.unit.beliefs.stories import answered, scored, told
from tests.unit.beliefs.test_facts import expected, holding, script
from tests.unit.beliefs.test_words import ANN, UNA, attacks, facts_of, heard, reports, world

HERE = Path(__file__).parents[1]
BY_HAND = HERE / "tests/unit/beliefs/stories.yaml"
STORIES, STORIES_QUICK = 400, 100
DAYS, DAYS_QUICK = 7, 1
FACTS, EACH = 1_000, 10
ASKED, ASKED_QUICK = 4_000, 800
ATTACKS, REPORTS = 500, 200
SEED = 5


async def run(quick: bool, progress: Progress) -> Report:
    """Return the rows on beliefs."""
    report = Report("beliefs", 1)
    progress("stories of false belief")
    _stories(report, STORIES_QUICK if quick else STORIES)
    progress("facts that change")
    _facts(report)
    progress("talking the world into being")
    _talking(report)
    progress("days of the sample world")
    view = await _world(report, DAYS_QUICK if quick else DAYS)
    progress("queries")
    _queries(report, view.beliefs, ASKED_QUICK if quick else ASKED)
    return report


def _stories(report: Report, count: int) -> None:
    for order, (asked, right) in scored(count, SEED).items():
        report.add(f"order {order}: right", right / asked, "of 1")
        report.facts[f"order {order}: questions"] = asked
    by_hand = YAML(typ="safe", pure=True).load(BY_HAND.read_text())
    asked, right = 0, 0
    for story in by_hand:
        tale = told(story["does"])
        for question, answer in story["asks"]:
            *chain, thing = question.split()
            asked, right = asked + 1, right + (answered(tale, chain, thing) == answer)
    report.add("by hand: right", right / asked, "of 1")
    report.facts |= {"stories made": count, "stories by hand": len(by_hand), "questions by hand": asked}


def _facts(report: Report) -> None:
    made, found = script(SEED, FACTS), Facts(words())
    for change, position in made:
        found.apply([change], position, str(position))
    wanted = expected(made, EACH)
    ended = sum(len(holds - set(holding(found, position=at))) for at, holds in wanted.items())
    right = sum(set(holding(found, position=at)) == holds for at, holds in wanted.items())
    report.add("facts as of a position: right", right / len(wanted), "of 1")
    report.add("facts now: right", float(set(holding(found)) == wanted[FACTS]), "of 1")
    report.add("unrelated facts ended", ended, "facts")
    report.facts |= {"facts that change": FACTS, "positions asked": len(wanted)}


def _talking(report: Report) -> None:
    tale = world()
    facts = facts_of(tale)
    claims = sum(heard(tale, text) for text in attacks(ATTACKS))
    after = facts_of(tale)
    report.add("attacks: facts adopted or ended", len(set(facts) ^ set(after)), "facts")
    said, right, tale = list(reports(REPORTS)), 0, world()
    for text, claim in said:
        heard(tale, text)
        wanted = tale.beliefs.ground.vocabulary.normal(claim)
        found = [each for each in tale.beliefs.known(UNA) if each.claim == wanted]
        right += bool(found) and found[0].evidence == "claimed" and found[0].seen.teller == ANN
    report.add("honest reports: hearsay with source", right / REPORTS, "of 1")
    report.facts |= {"attacks": ATTACKS, "claims in them": claims, "honest reports": REPORTS}


async def _world(report: Report, days: int) -> BeliefsView:
    """Live some days, fold them, and say what that took."""
    lived = await opened(Made.of(sample_entries()))
    async for _ in hours(lived, days * 24):
        pass
    codec = EventCodec(domain_catalogue())
    view = BeliefsView(lived.log, sample_definition(), decode=codec.decode)
    decoded = [(codec.decode(each), each) for each in lived.log.since(0) if each.type in view.types]
    begin = time.process_time()
    _fold(view, decoded)
    took_s = time.process_time() - begin
    minds = view.beliefs.minds.values()
    report.add("fold, per game day", took_s / days * 1e3, "CPU ms")
    report.add("fold, per event", took_s / len(decoded) * 1e6, "CPU us")
    report.add("beliefs of a holder, at most", max(len(mind.held) for mind in minds), "beliefs")
    report.facts |= {"game days": days, "events folded": len(decoded), "holders": len(minds)}
    report.facts["seed"] = SEED
    return view


def _fold(view: BeliefsView, decoded: Sequence[tuple[Event, RecordedEvent]]) -> None:
    for event, recorded in decoded:
        view.apply(event, recorded)


def _queries(report: Report, beliefs: Beliefs, count: int) -> None:
    dice, holders = Random(SEED), sorted(beliefs.minds)
    claims = {who: [str(each.claim) for each in beliefs.known(who)] for who in holders}
    taken: dict[str, list[float]] = {}
    for _ in range(count):
        one, other, third = dice.choice(holders), dice.choice(holders), dice.choice(holders)
        asked: Mapping[str, Callable[[], object]] = {
            "facts of one": partial(showing.facts, beliefs, FactsQuery(about=one)),
            "known of one": partial(showing.known, beliefs, BelievedQuery(holder=one, about=other)),
            "thinks, order 4": partial(
                showing.known,
                beliefs,
                BelievedQuery(holder=one, about=one, thinks_of=[other, third, one]),
            ),
            "why": partial(showing.why, beliefs, WhyQuery(holder=one, claim=dice.choice(claims[one]))),
        }
        for name, ask in asked.items():
            begin = time.thread_time()
            ask()
            taken.setdefault(name, []).append((time.thread_time() - begin) * 1e3)
    for name, values in taken.items():
        report.add(f"{name}, p50", percentile(values, 0.5), "CPU ms")
        report.add(f"{name}, p99", percentile(values, 0.99), "CPU ms")
