"""Every table of the command line at 60, 80 and 200 columns: ids and names stay apart, whole and readable."""

import ast
import itertools
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.text import Text

from aicore import cli
from aicore.audit.evaluation_report import About
from aicore.audit.story import Turn
from aicore.cli import (
    barks,
    batch,
    beliefs,
    clock,
    content,
    dead_letters,
    deployments,
    evaluation_tables,
    events,
    explain,
    four_eyes,
    guardrails,
    imports,
    ledger,
    log,
    lore,
    market,
    memories,
    models,
    people,
    pins,
    projections,
    proposals,
    quests,
    spool,
    templates,
    tiers,
    traces,
    turns,
    verdicts,
    world_factions,
    world_weather,
)
from aicore.cli.terminal import CONTROLS, WIDTH_PIPED, Kind, Listing, Plain, print_rows
from aicore.content.imports.fields import Left
from bus.nats.dead_letters import DeadLetter
from domain.clock.messages import SMALL
from domain.inference.messages import InferenceCompleted, InferenceRequested
from domain.people.explain import Option
from domain.people.weighing import CONSIDERED
from tests.unit.audit.test_evaluation_report import finding
from tests.unit.cases import each_of

HERE = Path(cli.__file__).parent
LONG = "a-name-as-long-as-they-may-be." * 4
IDS = ("019a7f00c1b3" + "0" * 19 + "1", "019a7f00c1b3" + "0" * 18 + "12")
"""Two that were made in the same millisecond: their first twelve digits are the same."""
NAMES = (
    "lamp-keeper",
    "灯台守りのガルト親方とその弟子たち",
    "\u200fשומר\u200e המגדלור\u202e",  # noqa: RUF001 - Hebrew
    "[red]no[/red]",
    LONG,
)
WORDS = "Who keeps the lamp tonight, and who [bold]paid[/] for the oil? " * 2 + "x" * 70
US = 1_764_500_000_000_000


def alarm(name: str) -> dict[str, Any]:
    due = {"due_game_ms": 86_400_000, "due_real_us": None}
    return {"alarm_id": name, "late": "once", "next": 7, "what": WORDS, **due}


def order(id_: str, name: str) -> dict[str, Any]:
    return {
        "expires_us": US, "command": name, "operator": name, "state": "open", "order_id": id_,
        "payload": {"reason": WORDS},
    }  # fmt: skip


def entry(account: str) -> dict[str, Any]:
    moved = {"delta": -30, "held_delta": 0, "balance": 2**53 - 1, "held": 12}
    return {
        "position": 4_711,
        "recorded_us": US,
        "kind": "hold_posted",
        "reason": "sale",
        "unit": account,
        **moved,
    }


def ware(name: str) -> dict[str, Any]:
    counts = dict.fromkeys(("stock", "bought", "sold", "wanted", "arrives", "coming", "position"), 12_345)
    return {
        **counts,
        "good": name,
        "name": WORDS,
        "price": 4_711,
        "pays": 12,
        "level": 1_080,
        "short": True,
        "day": 4,
    }


def stall(name: str) -> dict[str, Any]:
    told = {"side": "light", "currency": "crowns", "goods": 25, "short": 3, "shut": WORDS}
    return {"market": name, "name": WORDS, **told}


def document(name: str) -> dict[str, Any]:
    told = {"known_by": ["faction.tallymen", "person.una_pell"], "stage": 2, "chunks": 12, "claims": 3}
    return {"document": name, "number": 7, "title": WORDS, **told}


def units(name: str) -> dict[str, Any]:
    flows = [{"account": "source.mint", "reason": name, "amount": 12_000}]
    return {"unit": "crown", "circulating": 9_000, "held": 4, "difference": 0, "flows": flows}


def model(id_: str, name: str) -> dict[str, Any]:
    return {
        "use_case": "npc_dialogue", "name": name, "version": "1.4.0", "provider": "embedded", "tier": "gold",
        "status": "silenced", "evaluation": "undecided", "barred": True, "model_id": id_,
    }  # fmt: skip


def deployment(id_: str, name: str) -> dict[str, Any]:
    return {
        "use_case": name, "strategy": "blue_green", "operator": "mira", "state": "rolled_back", "share": 25,
        "model_id": "m", "deployment_id": id_, "story": [story(name)],
    }  # fmt: skip


def story(what: str) -> dict[str, Any]:
    evidence = {"candidate_turns": 120, "control_turns": 118, "e_value": 205.1, "limit": 111}
    told = {"at_us": US, "what": what, "share": 25, "evidence": evidence}
    return {**told, "operator": "mira", "reason": WORDS}


def faction(name: str) -> dict[str, Any]:
    ties = {"territories": ["the_courts", "the_close"], "allies": [name], "feuds": [], "crisis": 12}
    return {"faction": name, "power": 620, **ties}


def emerged(name: str) -> dict[str, Any]:
    told = {"number": 7, "day": 131, "kind": "territory_taken", "salience": 740, "chain": [5, 6]}
    return {"faction": name, "other": "tallymen", "territory": "courts", "place": "washing_court", **told}


def zone(name: str) -> dict[str, Any]:
    change = {"from": "heavy_snow", "to": "extreme_cold", "began_ms": 0, "ends_ms": 900_000}
    air = {"temperature": -1_234, "wind": 612, "humidity": 850, "visibility": 12_000, "intensity": 900}
    told = {"state": "extreme_cold", "until_ms": 3_600_000, "then": "partly_cloudy", "regime": "frontal"}
    return {"zone": name, "front": 12, "override": name, "transition": change, **told, **air}


def turn(id_: str, name: str) -> Turn:
    asked = {**InferenceRequested.example, "inference_id": id_, "npc": "gault", "prompt": WORDS}
    question = InferenceRequested.model_validate(asked).model_copy(update={"player": name})
    return Turn(question, 7, US, InferenceCompleted.model_validate(InferenceCompleted.example))


def proposal(id_: str, name: str) -> dict[str, Any]:
    return {
        "at_us": US, "use_case": name, "action": {"kind": "change_tier"}, "priority": "critical",
        "status": "approved", "reason": WORDS, "inputs": {"cost": 1.5}, "outcome": "refused", "detail": WORDS,
        "decided_by": "mira", "decided_reason": "", "proposal_id": id_,
    }  # fmt: skip


def violation(id_: str, name: str) -> dict[str, Any]:
    return {
        "at_us": US, "severity": "critical", "action": "redact", "side": "output",
        "category": "personal_data", "rule": name, "excerpt": WORDS, "sealed": False,
        "review": {"verdict": "false_positive"}, "violation_id": id_,
    }  # fmt: skip


def of_batch(id_: str, name: str) -> dict[str, Any]:
    counts = {"answered": 12_000, "failed": 3, "items": 20_000}
    return {"batch_id": id_, "name": name, "use_case": "npc_dialogue", "status": "submitted", **counts}


def tier(name: str) -> dict[str, Any]:
    percentiles = {"p50": 12.25, "p95": 151.5, "p99": 1_250.0}
    engine = {
        "name": name, "ok": False, "reason": WORDS, "circuit": "half_open", "active": 3, "capacity": 8,
        "waiting": 2, "answered": 12_345, "failed": 12, "ttft_percentiles_ms": percentiles,
        "token_percentiles_ms": percentiles,
    }  # fmt: skip
    return {"tier": "silver", "promise": {"ttft_ms": 250.0, "token_ms": None}, "engines": [engine]}


def letter(name: str) -> DeadLetter:
    facts: dict[str, Any] = {
        "sequence": 12, "consumer": "in", "position": 1_234_567, "attempts": 5, "reason": WORDS,
        "redriven": True, "subject": "game.in.registry.register_model", "code": name,
    }  # fmt: skip
    return DeadLetter(**{**dict.fromkeys(DeadLetter.__dataclass_fields__, b""), **facts})


def of_spool(name: str) -> dict[str, Any]:
    numbers = ("backlog_records", "backlog_bytes", "dead_letters", "damaged", "missing", "lacking")
    counts = dict.fromkeys(numbers, 12_345)
    return {"directory": name, "in_use": True, "log_asked": True, "oldest_s": 12.0, **counts}


def spool_letter(name: str, stream: str) -> dict[str, Any]:
    types = ["inference.requested", "inference.completed"]
    return {"name": name, "stream": stream, "types": types, "error": "VersionConflict", "reason": WORDS}


def template(name: str) -> dict[str, Any]:
    sections = [{"name": each} for each in ("persona", "place", "lore", "memory", "prompt")]
    return {"name": name, "version": 2, "sections": sections, "budget": 1_500, "description": WORDS}


def view(name: str) -> dict[str, Any]:
    return {"name": name, "position": 1_234_567, "lag": 12, "view_version": 3, "error": WORDS}


def person(name: str) -> dict[str, Any]:
    where = {"place": "", "bound_for": "ropewalk_quay", "with_person": None, "need": "food"}
    return {"person": name, "name": "Una Pell", "doing": "eating", "reason": "need", "mood": 712, **where}


def known(name: str) -> dict[str, Any]:
    where = {"place": "ropewalk_quay", "position": 1_234_567, "hands": 2, "told_by": "nib"}
    return {"topic": name, "what": "places.way_closed", **where}


def fact(name: str) -> dict[str, Any]:
    return {"from_ms": 68_400_000, "says": WORDS, "claim": f"at(person.{name}, place.inn)", "begun": 1_204}


def belief(name: str) -> dict[str, Any]:
    told = {"evidence": "hearsay", "teller": name, "hands": 2, "confidence": 640, "doubted": True}
    return {**fact(name), **told, "at_ms": 68_400_000, "position": 1_204}


def pinned(name: str) -> dict[str, Any]:
    plain = {"pin": name, "by": f"person.{name}", "plan": "greet", "let": {}, "text": WORDS}
    return {**plain, "reason": WORDS, "operator": "ops", "position": 7}


def verdict(name: str) -> dict[str, Any]:
    plain = {"verdict": "rejected", "line": f"{name}.17", "voice": f"harbour/{name}", "lines": ["3f2a9c01"]}
    return {**plain, "reason": WORDS, "operator": "ops"}


def bark(id_: str, name: str) -> dict[str, Any]:
    plain = {"bark": id_, "state": "proposed", "voice": f"harbour/{name}", "act": "small_talk"}
    return {**plain, "mood": "calm", "attitude": "neutral", "maker": name, "text": WORDS}


def trace(name: str) -> dict[str, Any]:
    infers = {"claim": f"fled(person.{name}, place.quay)", "says": WORDS, "certainty": 650}
    told = {"left_ms": 68_400_000, "strength": 700, "found": True, "position": 1_204}
    return {"trace": name, "infers": infers, **told}


def remembered(name: str) -> dict[str, Any]:
    return {**belief(name), "over": True, "pinned": True, "score": 2_345}


def promised(name: str) -> dict[str, Any]:
    ends = {"state": "broken", "why": "killed", "due_ms": 154_800_000}
    return {"made_ms": 68_400_000, "says": f"{name}: {WORDS}", "position": 1_204, **ends}


def weighed(name: str) -> Option:
    return Option("eat", name, dict.fromkeys(CONSIDERED, 1_000), "closed", 1_234_567)


def counts(name: str) -> dict[str, Any]:
    return {"type": name, "events": 1_234_567, "streams": 123_456, "bytes": 123_456_789, "last_us": US}


CASES: dict[str, Callable[[str, str], Listing]] = {
    "batch.listing": lambda a, b: batch.listing([of_batch(IDS[0], a), of_batch(IDS[1], b)]),
    "clock.listing": lambda a, b: clock.listing([alarm(a), alarm(b)], {"calendar": SMALL.model_dump()}),
    "content.listing": lambda a, b: content.listing(
        [{"id": "gault", "name": name, "role": WORDS, "voice": "gruff"} for name in (a, b)]
    ),
    "dead_letters.listing": lambda a, b: dead_letters.listing([letter(a), letter(b)]),
    "deployments.listing": lambda a, b: deployments.listing(
        [deployment(IDS[0], a), deployment(IDS[1], b)], {"m": "npc-gold 1.4.0"}
    ),
    "deployments.story_listing": lambda a, b: deployments.story_listing([story(a), story(b)]),
    "events.listing": lambda a, b: events.listing(
        [{"name": name, "version": 1, "meaning": WORDS} for name in (a, b)]
    ),
    "guardrails.listing": lambda a, b: guardrails.listing([violation(IDS[0], a), violation(IDS[1], b)]),
    "ledger.balance_listing": lambda a, b: ledger.balance_listing([entry(a), entry(b)]),
    "ledger.listing": lambda a, b: ledger.listing([entry(a), entry(b)]),
    "quests.offers_listing": lambda a, b: quests.offers_listing(
        [{"quest": name, "giver": "rook_tansy", "aim": WORDS, "why": ""} for name in (a, b)]
    ),
    "ledger.supply_listing": lambda a, b: ledger.supply_listing([units(a), units(b)]),
    "people.listing": lambda a, b: people.listing([person(a), person(b)]),
    "beliefs.fact_listing": lambda a, b: beliefs.fact_listing([fact(a), fact(b)]),
    "beliefs.known_listing": lambda a, b: beliefs.known_listing([belief(a), belief(b)]),
    "imports.listing": lambda a, b: imports.listing(
        [Left("entries.4.order", each, WORDS, WORDS) for each in (a, b)]
    ),
    "traces.listing": lambda a, b: traces.listing([trace(a), trace(b)]),
    "pins.listing": lambda a, b: pins.listing([pinned(a), pinned(b)]),
    "barks.listing": lambda a, b: barks.listing([bark(IDS[0], a), bark(IDS[1], b)]),
    "verdicts.listing": lambda a, b: verdicts.listing([verdict(a), verdict(b)]),
    "memories.memory_listing": lambda a, b: memories.memory_listing([remembered(a), remembered(b)]),
    "memories.promise_listing": lambda a, b: memories.promise_listing([promised(a), promised(b)]),
    "people.known_listing": lambda a, b: people.known_listing([known(a), known(b)]),
    "explain.listing": lambda a, b: explain.listing([weighed(a), weighed(b)]),
    "lore.listing": lambda a, b: lore.listing([document(a), document(b)]),
    "market.board_listing": lambda a, b: market.board_listing([ware(a), ware(b)]),
    "market.listing": lambda a, b: market.listing([stall(a), stall(b)]),
    "market.prices_listing": lambda a, b: market.prices_listing([ware(a), ware(b)]),
    "log.listing": lambda a, b: log.listing([counts(a), counts(b)]),
    "models.listing": lambda a, b: models.listing([model(IDS[0], a), model(IDS[1], b)]),
    "projections.listing": lambda a, b: projections.listing([view(a), view(b)]),
    "four_eyes.listing": lambda a, b: four_eyes.listing([order(IDS[0], a), order(IDS[1], b)]),
    "proposals.listing": lambda a, b: proposals.listing([proposal(IDS[0], a), proposal(IDS[1], b)]),
    "spool.letter_listing": lambda a, b: spool.letter_listing([spool_letter(a, b), spool_letter(b, a)]),
    "spool.listing": lambda a, b: spool.listing([of_spool(a), of_spool(b)]),
    "templates.listing": lambda a, b: templates.listing([template(a), template(b)]),
    "tiers.listing": lambda a, b: tiers.listing([tier(a), tier(b)]),
    "world_factions.standing": lambda a, b: world_factions.standing({"factions": [faction(a), faction(b)]}),
    "world_factions.telling": lambda a, b: world_factions.telling([emerged(a), emerged(b)]),
    "world_weather.expected": lambda a, b: world_weather.expected(
        {
            "game_ms": 0,
            "entries": [{"zone": n, "at_ms": 9_000_000, "state": "fog", "confidence": 800} for n in (a, b)],
        }
    ),
    "world_weather.listing": lambda a, b: world_weather.listing({"zones": [zone(a), zone(b)]}),
    "turns.listing": lambda a, b: turns.listing([turn(IDS[0], a), turn(IDS[1], b)]),
}


def printed(listing: Listing, width: int, *, terminal: bool = True) -> list[str]:
    written = StringIO()
    console = Plain(file=written, force_terminal=terminal, width=width, color_system=None, highlight=False)
    console.print(listing, crop=False)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def clean(cell: str | Text) -> str:
    return str(cell).translate(CONTROLS)


def test_every_table_of_the_command_line_is_looked_at_here() -> None:
    there = set()
    for file in HERE.glob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "Listing":
                there.add(f"{file.stem}.{node.name}")
            if isinstance(node, ast.ImportFrom) and node.module == "rich.table":
                assert file.name == "terminal.py", f"{file.name} makes a table by itself"
    of_evaluations = {"evaluation_tables.scorer_listing", "evaluation_tables.speed_listing"}
    assert there == {*CASES, *of_evaluations}


@pytest.mark.parametrize("width", [60, 80, 200])
@each_of("which", sorted(CASES))
def test_names_and_ids_can_be_read_back_at_any_width(which: str, width: int) -> None:
    for a, b in itertools.pairwise([*NAMES, NAMES[0]]):
        check(CASES[which](a, b), width)


@pytest.mark.parametrize("width", [60, 80, 200])
async def test_what_an_evaluation_found_can_be_read_at_any_width(width: int) -> None:
    found = await finding()
    check(evaluation_tables.scorer_listing(found), width)
    about = About(evaluation_id=IDS[0], suite="s@1", suite_digest="", seed=1)
    check(evaluation_tables.speed_listing(found, about), width)


def check(listing: Listing, width: int) -> None:
    lines = printed(listing, width)
    assert all(cell_len(line) <= width for line in lines), lines
    filled = [head for n, head in enumerate(listing.columns) if any(clean(row[n]) for row in listing.rows)]
    blocks = (
        all(any(line.startswith(head.split(" ")[0]) for line in lines) for head in filled) and len(filled) > 1
    )
    for n, (head, kind) in enumerate(listing.columns.items()):
        for row in listing.rows:
            value = clean(row[n])
            if kind is Kind.NAME:
                assert apart(value, lines) or (blocks and folded(head, value, lines)), (value, lines)
            elif kind is Kind.ID:
                others = [clean(other[n]) for other in listing.rows if other is not row]
                assert any(
                    apart(value[:size], lines)
                    for size in range(8, len(value) + 1)
                    if not any(other.startswith(value[:size]) for other in others)
                ), (value, lines)


def apart(value: str, lines: list[str]) -> bool:
    """Say whether a line has the value with nothing beside it but two blanks or the edge."""
    alone = re.compile(rf"(?:^|  ){re.escape(value.strip())}(?:  |$)")
    return any(alone.search(line) for line in lines)


def folded(head: str, value: str, lines: list[str]) -> bool:
    """Say whether a block has a value that is too long for one line, and goes on below itself."""
    for n, line in enumerate(lines):
        if line.startswith(head):
            more = itertools.takewhile(lambda each: each.startswith("  "), lines[n + 1 :])
            if "".join([line.removeprefix(head), *more]).replace(" ", "") == value.replace(" ", ""):
                return True
    return False


def test_a_name_that_fits_a_narrow_terminal_is_on_one_line_of_it() -> None:
    name = "n" * 40
    for which, of in CASES.items():
        assert any(name in line for line in printed(of(name, "b"), 60)), which


def test_a_pipe_gets_whole_ids_and_a_row_a_line_however_long_a_name_is() -> None:
    lines = printed(models.listing([model(IDS[0], LONG), model(IDS[1], "b")]), WIDTH_PIPED, terminal=False)

    assert len(lines) == 3
    assert [line.split()[-1] for line in lines[1:]] == list(IDS)
    assert LONG in lines[1].split()


def test_the_list_of_models_is_a_table_at_80_columns() -> None:
    rows = [model("f7598223-8aef-5171-b87d-06627a2e7215", "npc-gold"), model("0" * 36, "npc-silver")]

    assert printed(models.listing(rows), 80) == [
        "use case      model       version  status  id",
        "npc_dialogue  npc-gold    1.4.0    SILENT  f7598223-8ae",
        "npc_dialogue  npc-silver  1.4.0    SILENT  000000000000",
    ]


def test_an_empty_table_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(batch.listing([]), "no batches yet; see [aicore]")

    assert capsys.readouterr().out == "no batches yet; see [aicore]\n"
