"""The small model beside the written lines, in a running program: asked where a setting says so."""

import pytest

from aicore.audit.lines import explain_line
from aicore.cli.explain import said_lines
from aicore.client import Client
from aicore.clock import now_us
from aicore.content.weights import VOICE
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.story import shipped_mouth
from bus.nats.connection import connect
from bus.ports import EventLog
from bus.postgres.log import open_log
from domain.story.messages import LineSaid, stream_of
from handlers.story import realiser
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import a_clock_goes
from tests.integration.test_story import ANN, CODEC, UNA, people_come

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

__all__ = ["system"]
PATIENT_S = 60.0


async def test_a_small_model_says_what_people_know_and_written_lines_where_it_is_late(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(lore_encoder="", story_realiser="embedded")
    monkeypatch.setattr(realiser, "DEADLINE_S", PATIENT_S)
    async with (
        program(settings, system, ("commands", "queries")),
        connect(system.nats_url, name="game") as nc,
        open_log(system.postgres_dsn, system.realm, now_us=now_us) as log,
    ):
        client = Client(nc, system.realm)
        await a_clock_goes(client)
        await people_come(log)
        await client.command("session.open", {"player": "ann"})
        await client.command("places.enter", {**ANN, "place": "ropewalk_quay"})
        line = await _said(client, log, "Where is Nib?")
        assert [each.claim for each in line.plan.claims] == ["at(person.nib, place.ropewalk_quay)"]
        assert (line.rung, line.candidates[line.winner].rung) == ("small", "small")
        assert line.candidates[0].rung == "written", "the written line is there first"
        for each in line.candidates[1:]:
            name, digest, freedom = each.maker.split()
            assert (name, digest[:7], freedom) == (VOICE, "sha256:", "held"), "writers have words"
            assert bool(each.stopped) == bool(each.why)
        assert "Nib" in line.text
        told = await explain_line(log, CODEC, "ann.1", shipped_mouth())
        assert (told.differs, told.again) == ([], line)
        made = [row for row in said_lines(told) if row.startswith("made")]
        assert len(made) == len(line.candidates)

        assert (await _said(client, log, "Hello!")).rung == "written", "what claims nothing is a writer's"
        monkeypatch.setattr(realiser, "DEADLINE_S", 0.0)
        late = await _said(client, log, "Where is Gault?")
        assert (late.rung, [each.rung for each in late.candidates]) == ("written", ["written"])


async def _said(client: Client, log: EventLog, text: str) -> LineSaid:
    reply = await client.command("story.say", {**ANN, "to": UNA, "text": text})
    number = int(reply.result["line"].rpartition(".")[2])
    (recorded,) = await log.read_stream(stream_of("ann"), after=number - 1, limit=1)
    line = CODEC.decode(recorded)
    assert isinstance(line, LineSaid)
    return line
