"""The report: complete, the same from the same finding, and safe to open whatever the models said."""

import json
from dataclasses import replace

from rich.console import Console

from aicore.audit.evaluation_page import as_html
from aicore.audit.evaluation_report import About, as_json, digest_of, worst
from aicore.cli.evaluation_tables import as_tables
from domain.evaluation.evaluation import verdict_of
from domain.evaluation.scorers import scorers_of
from handlers.evaluation.runner import Evaluator, Finding, Plan
from tests.unit.evaluation.kit import FACT, case, model, suite, told

ABOUT = About(
    evaluation_id="0" * 32,
    suite="small@1",
    suite_digest="sha256:" + "7a" * 32,
    seed=1,
    candidate={"name": "<b>new</b>", "temperature": "0.7"},
    current={"name": "now", "temperature": "0.7"},
)
EVIL = '<script>alert("x")</script> [red]no[/red] & more \u202edoog\u202c \x1b[2J'


async def finding() -> Finding:
    asked = suite(*(case(id=f"c{n}", facts=[FACT], context={"place": "<i>quay</i>"}) for n in range(5)))
    evil, good = model(lambda c, s: told(EVIL)), model(lambda c, s: told(f"{FACT}."))
    plan = Plan(suite=asked, scorers=scorers_of(asked))
    return await Evaluator(plan, candidate=evil, current=good).run()


async def test_the_terminal_shows_texts_as_they_are() -> None:
    console = Console(width=160, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(as_tables(await finding(), ABOUT))
    text = capture.get()
    assert "failed after" in text
    assert "[red]no[/red]" in text
    assert "name: now → <b>new</b>" in text
    assert not set(text) & set("│┃━─")


async def test_the_record_has_every_pair_and_its_digest_is_its_bytes() -> None:
    found = await finding()
    report = as_json(found, ABOUT)
    assert report == as_json(found, ABOUT)
    whole = json.loads(report)
    assert len(whole["pairs"]) == len(found.steps)
    assert whole["pairs"][0]["candidate"]["text"] == EVIL
    assert digest_of(report) != digest_of(report + b" ")
    command = found.command("0" * 32, digest_of(report))
    assert (
        verdict_of(command.scorers, cases=5, pairs=command.pairs)
        == whole["verdict"]
        == found.verdict
        == "failed"
    )


async def test_the_worst_pairs_come_first_and_are_few() -> None:
    found = await finding()
    ranked = worst(found, 3)
    assert len(ranked) == 3
    assert all("lore_stated" in names for _, names in ranked)
    assert ABOUT.changed() == [("name", "now", "<b>new</b>")]


async def test_what_decided_comes_before_what_was_only_lost() -> None:
    """One pair lost by the scorer that decided comes before one that lost more by others."""
    found = await finding()
    (first, second), scorers = found.steps[:2], {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    steps = [
        replace(first, pair=replace(first.pair, scores=scorers)),
        replace(second, pair=replace(second.pair, scores={"lore_stated": (0.5, 1.0)})),
    ]
    assert [pair.number for pair, _ in worst(replace(found, steps=steps))] == [2, 1]


async def test_what_was_lost_by_the_scorer_that_decided_is_told_by_how_much() -> None:
    """The scar: a little of what decided, and much of what did not, came before a line that was all wrong."""
    found = await finding()
    (first, second), both = found.steps[:2], {"lore_stated": (0.9, 1.0), "a": (0.0, 1.0)}
    steps = [
        replace(first, pair=replace(first.pair, scores=both)),
        replace(second, pair=replace(second.pair, scores={"lore_stated": (0.2, 1.0)})),
    ]
    ranked = worst(replace(found, steps=steps))
    assert [(pair.number, names) for pair, names in ranked] == [
        (2, ["lore_stated"]),
        (1, ["lore_stated", "a"]),
    ]


async def test_a_case_that_was_asked_often_is_shown_once() -> None:
    """The scar: cases come again with other seeds, so one bad case filled the whole table."""
    found = await finding()
    assert len(found.steps) > 5
    assert sorted(pair.case.id for pair, _ in worst(found)) == [f"c{n}" for n in range(5)]


async def test_a_price_that_is_none_ends_no_evaluation() -> None:
    """The scar: after minutes of pairs the report could not be made, and nothing was recorded."""
    found = await finding()
    for price in ("dear", "True", "nan", "inf", "-3"):
        told = replace(ABOUT, candidate={**ABOUT.candidate, "cost_micro_per_1k_tokens": price})
        assert "1,000 answers" not in as_html(found, told)


async def test_speed_and_cost_are_told_at_the_load_of_the_evaluation() -> None:
    found = await finding()
    price = {"cost_micro_per_1k_tokens": "200"}
    priced = replace(ABOUT, candidate={**ABOUT.candidate, **price}, current={**ABOUT.current, **price})
    figures = json.loads(as_json(found, priced))["figures"]
    assert figures["per token p95, ms"].keys() == {"current", "candidate"}
    assert figures["failed or empty"] == {"current": 0.0, "candidate": 0.0}
    assert "1,000 answers, micro-dollars" in as_html(found, priced)
    assert "1,000 answers" not in as_html(found, ABOUT)
