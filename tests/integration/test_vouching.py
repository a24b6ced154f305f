"""Every page that says what was said or decided refuses to, once anything in the table was changed."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from aicore.audit.vouching import REMEMBERED, Tampered, memory_of, vouch
from aicore.cli.main import PARTS, app_of
from aicore.cli.terminal import Failure
from aicore.clock import now_us
from aicore.doctor import Check, examine
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.running import System
from aicore.settings import load_settings
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import StreamWrite
from bus.postgres.log import open_log
from domain.inference.messages import InferenceCompleted, InferenceRequested
from domain.registry.messages import ModelRegistered
from domain.relay.confirmation import STREAM
from domain.relay.messages import LogConfirmed
from tests.integration.log_kit import event, fresh_log, superuser
from tests.integration.test_log_tampering import (
    BINARY,
    EVENTS,
    NUMBERS,
    TEXTS,
    WHOLE_ROWS,
    change_column,
    change_rows,
)
from tests.unit.kit import ident

pytestmark = pytest.mark.integration

ID = "0" * 32
BY = ("--operator", "ann", "--reason", "an audit of the evening")
KINDS = ("id", *BINARY, *TEXTS, *NUMBERS, *WHOLE_ROWS)

PAGES = {
    "turns list": (),
    "turns show": (ID,),
    "export": ("{folder}/turns.jsonl",),
    "deployments list": (),
    "deployments show": (ID,),
    "deployments watch": (ID,),
    "deployments replay": (ID, "--html", "{folder}/replay.html"),
    "models list": (),
    "models show": (ID,),
    "evaluate": (ID, *BY, "--html", "{folder}/report.html"),
    "proposals list": (),
    "guardrails policy": (),
    "guardrails violations": (),
    "guardrails reveal": (ID, *BY),
    "templates list": (),
    "templates show": ("lamplight-line@1",),
    "batch list": (),
    "batch status": (ID,),
    "batch results": (ID, "--out", "{folder}/results.jsonl"),
    "projections verify": (),
    "four-eyes list": (),
    "explain npc": ("una_pell",),
    "explain line": ("ann.17",),
    "story say": ("ann.17",),
    "explain silence": ("ann", "--at", "9"),
    "story scenes": (),
    "story arcs": (),
    "log show": ("1",),
    "log tail": ("--no-follow",),
    "log verify": (),
}
"""Every page that says what was said or decided, with arguments."""

OTHERS = {
    "the system and what runs now": "up run doctor env relay.status relay.confirm-log relay.refill tiers "
    "projections.list projections.rebuild spool.status spool.letters spool.redrive spool.dismiss ask "
    "log.stats migrate clock.show clock.alarms world.plan world.watch demo.walk demo.ten-things "
    "ledger.balance ledger.history ledger.supply market.list market.board market.prices people.list "
    "people.show people.knows people.health story.facts story.knows story.why "
    "story.remembers story.promises quests.journal quests.offers "
    "story.traces story.pins.list story.verdicts story.barks.list world.factions world.weather "
    "lore.list lore.search lore.show",
    "new events as they come, for a program of somebody's": "events.follow",
    "who may connect, which the log says nothing of": "services.add services.list services.revoke "
    "operators.add operators.list operators.revoke nats.permissions nats.matrix",
    "what the inbox was given": "dlq.list dlq.show dlq.redrive dlq.dismiss",
    "files of the program": "content.list events.list events.show events.schema events.asyncapi "
    "guardrails.check world.check world.report world.simulate market.report quests.check "
    "story.preview story.corpus.check story.corpus.sample story.import "
    "story.storylets.check story.storylets.list story.storylets.coverage "
    "lore.check",
    "a decision, refused or recorded": "rate models.register models.describe models.promote models.retire "
    "models.alias models.traffic deployments.start deployments.hold deployments.resume deployments.abort "
    "deployments.roll-back proposals.approve proposals.reject proposals.policy guardrails.publish "
    "guardrails.activate guardrails.review templates.register batch.submit batch.cancel demo.promote "
    "demo.rollback clock.start clock.scale clock.pause clock.resume clock.jump clock.calendar "
    "clock.set-alarm clock.cancel-alarm world.load four-eyes.confirm four-eyes.result "
    "ledger.open ledger.open-unit ledger.transfer ledger.reverse market.buy market.sell people.begin "
    "people.rest people.harm quests.gone world.override world.lift "
    "lore.add lore.remove talk story.pins.pin story.pins.unpin "
    "story.approve story.reject story.barks.propose story.barks.fill story.barks.take story.barks.decline",
}
"""Commands that vouch for nothing that was recorded before, by what they tell instead."""


@pytest.fixture
def system(
    postgres: EmbeddedPostgres,
    nats_server: EmbeddedNats,
    realm: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> System:
    """A realm whose log has `EVENTS` events, the last two of them a turn; named by the settings."""

    async def write() -> None:
        codec = EventCodec(domain_catalogue())
        asked, answered = InferenceRequested.from_example(), InferenceCompleted.from_example()
        async with fresh_log(postgres.dsn, realm) as log:
            await log.append(StreamWrite("story-1", [event() for _ in range(EVENTS - 2)]))
            told = [codec.encode(each, ident(n)) for n, each in enumerate((asked, answered), 1)]
            await log.append(StreamWrite(f"inference-{asked.inference_id}", told))

    asyncio.run(write())
    names = {"REALM": realm, "POSTGRES_DSN": postgres.dsn, "NATS_URL": nats_server.url}
    names |= {"STATE_DIR": str(tmp_path), "PERSONAL_KEY": "00" * 64}
    for name, value in names.items():
        monkeypatch.setenv(f"AICORE_{name}", value)
    return System(realm=realm, postgres_dsn=postgres.dsn, nats_url=nats_server.url, state_dir=tmp_path)


def invoked(arguments: list[str]) -> Result:
    """Run a command; as in `main`, the line has no other group, because each takes its time to be made."""
    group = app_of([part for part in PARTS if part.name == arguments[0]])
    return CliRunner().invoke(group, arguments)


def page(name: str, folder: Path, *more: str) -> tuple[str, str]:
    """Open a page; return what it printed, and the sentence that it ended with if it failed."""
    arguments = [each.format(folder=folder) for each in PAGES[name]]
    result = invoked([*name.split(), *arguments, *more])
    return result.stdout, str(result.exception) if isinstance(result.exception, Failure) else ""


def opened(arguments: list[str]) -> str:
    """Return what a command printed that must not fail."""
    result = invoked(arguments)
    if result.exception:
        raise result.exception
    return result.stdout


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, *path, name)
        else:
            yield (*path, name)


def test_every_command_is_a_page_that_vouches_or_tells_of_something_else() -> None:
    there = {".".join(path) for path in commands(get_command(app_of()))}
    others = {name for names in OTHERS.values() for name in names.split()}

    assert there == others | {name.replace(" ", ".") for name in PAGES}
    assert not others & {name.replace(" ", ".") for name in PAGES}


def _by_day(name: str) -> tuple[str, ...]:
    """Return every fourth kind of tampering; the next page has those beside them, so none is left out."""
    return KINDS[[*PAGES].index(name) % 4 :: 4]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        *(pytest.param(name, _by_day(name), id=name) for name in PAGES),
        *(pytest.param(name, KINDS, id=f"{name} all", marks=pytest.mark.slow) for name in PAGES),
    ],
)
def test_every_tampering_is_refused_by_the_page(name: str, kinds: Sequence[str], system: System) -> None:
    draw = random.Random(20261130)
    _, why = page(name, system.state_dir)
    assert "not as it was recorded" not in why, "nothing was changed yet"
    memory_of(system).unlink()  # which is there; from here on only what the chain shows
    for written in _files(system):
        written.unlink()

    async def tampered(session: asyncpg.Connection, kind: str) -> None:
        await session.execute("DELETE FROM event; INSERT INTO event SELECT * FROM kept")
        at = draw.randrange(1, EVENTS + 1)
        if kind in WHOLE_ROWS:
            await change_rows(session, draw, kind, at)
        else:
            await change_column(session, draw, kind, at)

    with asyncio.Runner() as runner:
        opening = superuser(system.postgres_dsn, system.realm)
        session = runner.run(opening.__aenter__())
        for kind in kinds:
            runner.run(tampered(session, kind))
            as_json = ["--json"] if draw.random() < 0.5 and name != "log verify" else []
            told, why = page(name, system.state_dir, *as_json)

            assert "the log is not as it was recorded: first bad position" in why, (name, kind, told)
            assert (told, _files(system)) == ("", []), (name, kind)
        runner.run(opening.__aexit__(None, None, None))


def _files(system: System) -> list[Path]:
    """Return what pages wrote beside what they print."""
    return [path for path in system.state_dir.iterdir() if path.suffix in (".html", ".jsonl", ".json")]


def test_a_word_of_an_answer_that_was_changed_is_not_shown(system: System) -> None:
    turn = InferenceRequested.from_example().inference_id
    show = ["turns", "show", turn, "--json"]
    assert all(fact["sound"] for fact in json.loads(opened(show)))

    async def change() -> None:
        async with superuser(system.postgres_dsn, system.realm) as session:
            old = await session.fetchval("SELECT payload FROM event WHERE position = $1", EVENTS)
            word = str(InferenceCompleted.from_example().text).split()[0].encode()
            new = old.replace(word, word[::-1])
            assert new != old
            await session.execute("UPDATE event SET payload = $1 WHERE position = $2", new, EVENTS)

    asyncio.run(change())

    result = invoked(show)
    assert result.stdout == ""
    assert f"first bad position {EVENTS}" in str(result.exception)


@pytest.mark.parametrize(
    "name", ["models list", "models show", "deployments show", "deployments list", "evaluate"]
)
def test_a_row_that_tells_of_models_and_was_changed_is_refused(name: str, system: System) -> None:
    """The log is whole, but the page is answered from a table beside it."""

    async def register() -> None:
        async with open_log(system.postgres_dsn, system.realm, now_us=now_us) as log:
            registered = EventCodec(domain_catalogue()).encode(ModelRegistered.from_example(), ident(9))
            await log.append(StreamWrite("registry-npc_dialogue", [registered]))

    async def change() -> None:
        async with superuser(system.postgres_dsn, system.realm) as session:
            done = await session.execute("UPDATE current_models SET description = 'the best of all'")
            assert done == "UPDATE 1"

    asyncio.run(register())
    opened(["projections", "rebuild", "current_models"])
    assert "current_models" not in page(name, system.state_dir)[1]
    asyncio.run(change())

    told, why = page(name, system.state_dir)

    assert why.startswith("current_models differs from a rebuild in ")
    assert told == ""


def test_the_doctor_names_a_changed_word(system: System) -> None:
    async def change() -> None:
        async with superuser(system.postgres_dsn, system.realm) as session:
            await session.execute("UPDATE event SET payload = '\\x81a161a162' WHERE position = 3")

    def of_the_log() -> Check:
        checks = asyncio.run(examine(load_settings(), system))
        return next(check for check in checks if check.name == "log")

    assert of_the_log().fact == f"all {EVENTS} events are as they were recorded: hashed again now"
    asyncio.run(change())
    found = of_the_log()
    assert (found.verdict, "first bad position 3" in found.fact) == ("fault", True)
    assert found.mend == "restore it from a backup that verifies; docs/operations.md, section The log itself"


def test_a_changed_event_can_still_be_looked_at_as_it_lies_there(system: System) -> None:
    async def change() -> None:
        async with superuser(system.postgres_dsn, system.realm) as session:
            await session.execute("UPDATE event SET meta = '\\x81a161a162' WHERE position = 3")

    asyncio.run(change())

    assert json.loads(page("log show", system.state_dir, "--unverified", "--json")[0])["position"] == 1
    assert len(page("log tail", system.state_dir, "--unverified", "--json")[0].splitlines()) == 10


def test_what_was_verified_before_is_a_witness_when_jetstream_has_none(system: System) -> None:
    """A log that was cut off, or made anew with a chain of its own, holds together by itself."""
    assert asyncio.run(vouch(system)).known == {}
    seen = asyncio.run(vouch(system))
    assert seen.known[REMEMBERED].position == EVENTS

    async def cut() -> None:
        async with superuser(system.postgres_dsn, system.realm) as session:
            await session.execute("DELETE FROM event WHERE position > 9")

    asyncio.run(cut())
    _, why = page("turns list", system.state_dir)
    assert f"first bad position 10: the log ends before it; an event was known at {EVENTS}" in why
    with pytest.raises(Tampered) as failed:
        asyncio.run(vouch(system)).check()
    assert failed.value.remedy.endswith(
        f"is it another log, begun anew on purpose: remove {memory_of(system)}"
    )


def test_a_log_that_an_operator_has_confirmed_is_measured_anew(system: System) -> None:
    asyncio.run(vouch(system))

    async def cut_and_confirm() -> None:
        async with superuser(system.postgres_dsn, system.realm) as session:
            await session.execute("DELETE FROM event WHERE position > 9")
        async with open_log(system.postgres_dsn, system.realm, now_us=now_us) as log:
            confirmed = EventCodec(domain_catalogue()).encode(LogConfirmed.from_example(), ident(9))
            await log.append(StreamWrite(STREAM, [confirmed]))

    asyncio.run(cut_and_confirm())

    assert asyncio.run(vouch(system)).verdict.ok
    assert asyncio.run(vouch(system)).known[REMEMBERED].position == 10


def test_a_verification_whose_time_is_up_says_how_far_it_came(system: System) -> None:
    found = asyncio.run(vouch(system, budget_s=0.0)).verdict

    assert (found.ok, found.whole, found.events) == (True, False, 0)
    assert not memory_of(system).exists()
