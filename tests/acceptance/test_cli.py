"""Every command on a running system: its output, its JSON, its exit codes, and its errors in one sentence."""

import asyncio
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import copytree
from typing import Any

import asyncpg
import pytest

from aicore.client import connect as connect_client
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.contexts import views_of
from bus.nats.api import JetStreamError, js_publish
from bus.nats.connection import connect
from bus.nats.topology import describe, events_stream
from bus.relay.leadership import relay_lock
from bus.relay.reading import read
from bus.relay.relay import ROLE
from protocol.envelope import decode_envelope, encode_envelope
from protocol.identity import UNNAMED
from protocol.messages import ErrorReply
from tests.acceptance.kit import COMMAND_TIMEOUT_S, POLL_S, ROOT, Up
from tests.harness.folders import open_folder
from tests.harness.warm import Warm, run_warm
from tests.integration.forge_kit import following

END_LEADER = """
SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND (classid::bigint << 32 | objid::bigint) = $1
"""

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("cli"),
]


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """A system with the demo's events."""
    with open_folder() as folder:
        running = Up(folder).wait_up()
        yield running
        running.stop()


def test_the_doctor_finds_nothing(up: Up) -> None:
    faults = [check for check in up.json("doctor") if check["verdict"] != "ok"]
    # What lies on this machine is not ours, and what was mended another test has put on top of the stream.
    assert [check for check in faults if check["name"] not in {"abandoned data", "stream mended"}] == []
    assert "positions compared now, all the same; " in up.run("doctor")


def test_a_changed_world_is_planned_and_loaded_while_everything_runs(up: Up, tmp_path: Path) -> None:
    """What would happen is shown, then it does, as one version; what is gone is retired."""
    copytree(ROOT / "aicore" / "content" / "cindermouth", tmp_path, dirs_exist_ok=True)
    folder, said = str(tmp_path), ("--operator", "mira", "--reason", "a test")
    before = up.json("world", "load", folder, *said)["version"]
    for name, old, new in (
        ("goods.yaml", "price: 6.50 crowns", "price: 6.25 crowns"),
        ("documents.yaml", "  of_weather:", "  weather_lore:"),
    ):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace(old, new))

    planned = up.run("world", "plan", folder)
    loaded = up.json("world", "load", folder, *said)

    assert planned.splitlines() == [
        "world.entry_defined      new      documents.weather_lore",
        "world.entry_defined      changed  goods.pocket_watch  (price)",
        "world.entry_retired      retired  documents.of_weather",
        f"world.version_published  version {before + 1}",
    ]
    assert loaded["version"] == before + 1
    assert (loaded["added"], loaded["changed"], loaded["retired"]) == (1, 1, 1)
    assert "nothing would change" in up.run("world", "plan", folder)


def test_a_world_that_is_loaded_has_weather_that_operators_may_overlay(up: Up) -> None:
    said = ("--operator", "mira", "--reason", "a test")
    up.run("world", "load", *said)
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    while not up.json("world", "weather") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [zone["zone"] for zone in up.json("world", "weather")["zones"]] == ["harbour", "hill", "marsh"]
    while not up.json("world", "factions") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(up.json("world", "factions")["factions"]) == 8
    laid = up.json("world", "override", "feast", "blizzard", "--zone", "hill", "--for", "2h", *said)
    assert laid["until_ms"] - laid["from_ms"] == 7_200_000
    while "override feast" not in up.run("world", "weather") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "blizzard" in up.run("world", "weather", "--zone", "hill")
    up.run("world", "lift", "feast", *said)
    assert {
        each["confidence"] for each in up.json("world", "weather", "--forecast", "--zone", "marsh")["entries"]
    }


def test_the_schema_is_changed_by_one_command_and_components_log_in_as_themselves(up: Up) -> None:
    assert "realm demo is up to date" in up.run("migrate")
    assert up.json("migrate") == {"realm": "demo", "applied": []}
    assert "CREATE ROLE aicore_writer_login LOGIN IN ROLE aicore_writer" in up.run("migrate", "--print-roles")
    place = json.loads((up.folder / "run.json").read_text())
    assert "aicore_reader_login" in place["postgres_dsn"]
    assert "//postgres:" not in json.dumps(place), "the superuser's password is no component's business"
    assert {path.stat().st_mode & 0o777 for path in up.folder.glob("postgres-logins.json*")} == {0o600}


def test_the_log_can_be_read_counted_and_verified(up: Up) -> None:
    lines = [
        json.loads(line)
        for line in up.run("log", "tail", "--no-follow", "--last", "3", "--json").splitlines()
    ]
    head = lines[-1]["position"]
    assert [line["position"] for line in lines] == [head - 2, head - 1, head]
    assert up.json("log", "show", str(head)) == lines[-1]
    tail = up.run("log", "tail", "--no-follow", "--type", "inference.completed")
    assert all("  text=" in line for line in tail.splitlines()), "what was said comes first"
    assert {row["type"] for row in up.json("log", "stats")["types"]} >= {"registry.model_registered"}
    assert "no event 99999" in up.run("log", "show", "99999", code=2)
    shown = up.run("log", "show", str(head))
    assert '\n  "' in shown[shown.index("payload") :], "the payload's fields stand on lines of their own"
    assert f"ce-aicoreposition: {head}\n" in up.run("log", "show", str(head), "--cloudevent")


def test_the_log_is_verified_against_jetstream_and_a_head_kept_elsewhere(up: Up) -> None:
    verified = up.json("log", "verify")
    assert verified["compared_with"]["JetStream"]
    kept = verified["head"]
    assert f"{kept}, known from --head" in up.run("log", "verify", "--head", kept)
    position, _, digest = kept.partition(":")
    cut = up.run("log", "verify", "--head", f"9{position}:{digest}", code=1)
    bad = re.search(r"first bad position (\d+)", cut)
    assert bad, "what another test asked may be recorded meanwhile"
    assert int(bad[1]) > int(position)
    assert "is no head of a log" in up.run("log", "verify", "--head", "7", code=2)
    assert "from position 5 (event 4 is trusted)" in up.run("log", "verify", "--after", "4")
    assert "no event 999999" in up.run("log", "verify", "--after", "999999", code=2)


def test_an_event_that_only_jetstream_has_is_given_up_by_an_operator_alone(up: Up) -> None:
    why = ("--operator", "test", "--reason", "to see it")
    assert "nothing to confirm" in up.run("relay", "confirm-log", *why, code=1)
    rebuilds = up.json("relay", "status")["rebuilds"]
    lost = asyncio.run(_publish_lost(Path(up.environment["AICORE_STATE_DIR"])))

    assert f"an event was known at {lost}" in up.run("log", "verify", code=1)
    deadline = time.monotonic() + 2 * COMMAND_TIMEOUT_S
    while "aicore relay confirm-log" not in up.run("doctor", code=(0, 1)):  # until a relay leads again
        assert time.monotonic() < deadline, up.run("doctor", code=(0, 1))
        time.sleep(POLL_S)
    assert up.json("relay", "confirm-log", *why)["lost_position"] == lost

    while (status := up.json("relay", "status"))["rebuilds"] == rebuilds or status["lag_events"]:
        assert time.monotonic() < deadline, "the stream was not made anew"
        time.sleep(POLL_S)
    assert "to see it" in up.run("log", "tail", "--no-follow", "-n", "1", "--type", "relay.log_confirmed")


async def _publish_lost(folder: Path) -> int:
    """Put an event on top of JetStream that the log never had, while no relay leads; return its position.

    A relay that leads knows that it did not send it, and mends the stream unasked.
    """
    system = System.model_validate_json((folder / "run.json").read_text())
    lock = relay_lock(system.realm)
    session = await asyncpg.connect(system.dsn_of(ROLE))
    try:
        while not await session.fetchval("SELECT pg_try_advisory_lock($1)", lock):
            await session.fetch(END_LEADER, lock)
        async with connect(system.relay_url, name="test") as nc:
            while True:
                last = (await describe(nc, events_stream(system.realm))).last
                message = (await read(nc, system.realm, [last]))[last]
                assert message is not None
                lost = following(decode_envelope(message.data), system.realm)
                with suppress(JetStreamError):  # what the last leader had sent was stored meanwhile
                    headers = {"Nats-Expected-Last-Sequence": str(last)}
                    subject = f"{system.realm}.evt.test.happened.0"
                    await js_publish(nc, subject, encode_envelope(lost), headers)
                    return last + 1
    finally:
        await session.close()


def test_a_line_is_streamed_and_its_pieces_are_the_whole(up: Up) -> None:
    *pieces, reply = map(json.loads, up.run("ask", "Who are you?", "--stream", "--json").splitlines())
    assert len(pieces) > 1
    assert "".join(piece["text"] for piece in pieces) == reply["text"]
    assert reply["served"] == {**reply["served"], "engine": "embedded-gold", "tier": "gold", "attempts": 1}
    shown = up.run("ask", "Who are you?", "--stream", "--use-case", "quest_dialogue")
    assert "silver, embedded-silver" in shown


def test_tiers_show_engines_and_latencies(up: Up) -> None:
    up.run("ask", "Who are you?")
    gold = next(tier for tier in up.json("tiers") if tier["tier"] == "gold")
    assert gold["promise"]["token_ms"] == 16
    engine = next(each for each in gold["engines"] if each["name"] == "embedded-gold")
    assert (engine["ok"], engine["circuit"]) == (True, "closed")
    assert 0 < engine["token_ms"] < engine["turn_ms"]
    assert "of 16 ms" in up.run("tiers")


def test_every_command_and_query_that_is_served_is_described(up: Up) -> None:
    described = {(row["kind"], row["name"]) for row in up.json("events", "list")}
    system = json.loads((Path(up.environment["AICORE_STATE_DIR"]) / "run.json").read_text())

    async def served(subject: str) -> set[str]:
        """Return the names that the answer to an unknown one tells."""
        async with connect_client(system["nats_components"]["owner"], system["realm"]) as client:
            answer = await client.request(f"{system['realm']}.{subject}.{UNNAMED}", b"")
        assert isinstance(answer, ErrorReply)
        return set(answer.remedy.removeprefix("there are: ").split(", "))

    for kind, subject in (("command", "cmd.no.such"), ("query", "qry.no.such")):
        assert {(kind, name) for name in asyncio.run(served(subject))} == {
            row for row in described if row[0] == kind
        }


def test_log_tail_shows_only_the_types_asked_for(up: Up) -> None:
    shown = up.run(
        "log", "tail", "--no-follow", "--after", "0", "--type", "registry.model_promoted", "--json"
    )

    assert {json.loads(line)["type"] for line in shown.splitlines()} == {"registry.model_promoted"}
    last = up.run("log", "tail", "--no-follow", "-n", "2", "--type", "registry.model_promoted", "--json")
    assert last.splitlines() == shown.splitlines()[-2:]
    unknown = up.run("log", "tail", "--no-follow", "--type", "registry.model_promotd", code=2)
    assert "did you mean registry.model_promoted?" in unknown


def test_models_are_listed_shown_promoted_and_retired(up: Up, tmp_path: Path) -> None:
    listed = up.json("models", "list", "--use-case", "npc_dialogue")
    models = {model["name"]: model for model in listed}
    first, second = models["ember-gold"], models["ember-gold-early"]
    assert first["status"] == "current"
    assert up.json("models", "show", second["model_id"][:8])["name"] == second["name"]
    why = ("--operator", "test", "--reason", "to see it")

    refused = up.run("models", "promote", second["model_id"], *why, code=4)
    assert "not_evaluated" in refused
    with_override = ("--override", "to see it")
    assert "is current" in up.run("models", "promote", second["model_id"], *why, *with_override)
    assert "is current" in up.run("models", "promote", first["model_id"], *why), "it served before"

    assert "No change: already in that state." in up.run("models", "promote", first["model_id"], *why)
    for group in ("models", "deployments", "proposals"):
        assert "did you mean npc_dialogue?" in up.run(group, "list", "--use-case", "npc_dialogu", code=2)
    policy = tmp_path / "policy.json"
    policy.write_text("{}")
    said = up.run("proposals", "policy", "npc_dialogu", str(policy), *why, code=2)
    assert "did you mean npc_dialogue?" in said
    refused = up.run("models", "retire", first["model_id"], *why, code=4)
    assert "model_is_current" in refused
    assert "(`aicore models promote`)" in refused, "the remedy is a command, not a message"
    (only,) = up.json("models", "list", "--use-case", "place_description")
    refused = up.run("deployments", "roll-back", only["model_id"], *why, code=4)
    assert "no_way_back" in refused
    shared = up.run("models", "traffic", f"{first['model_id']}=100", *why)
    assert shared.split()[:3] == ["100", "%", first["model_id"]]
    refused = up.run("models", "traffic", f"{first['model_id']}=60", *why, code=4)
    assert "the shares are 60 together" in refused


def test_a_model_is_registered_from_a_file(up: Up, tmp_path: Path) -> None:
    facts = {
        "use_case": "lore",
        "name": "ember-gold",  # an engine serves it, so the doctor finds nothing here, either
        "version": "0.3.0",
        "provider": "embedded",
        "model_type": "self_hosted",
        "tier": "bronze",
    }
    file = tmp_path / "model.json"
    file.write_text(json.dumps(facts))

    assert up.json("models", "register", str(file))["status"] == "current"
    assert up.json("models", "register", str(file))["events"] == []
    file.write_text(json.dumps({**facts, "tier": "platinum"}))
    said = up.run("models", "register", str(file), code=4)
    assert "invalid_field: tier: Input should be 'gold', 'silver' or 'bronze'; it is 'platinum'" in said
    assert "`aicore events show registry.register_model`" in said


def test_ask_prints_a_line_and_where_it_is_recorded(up: Up) -> None:
    answer = up.json("ask", "Tell me about the Tallymen.", "--seed", "7")

    assert answer["text"]
    assert answer["recorded"]
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    while answer["event_id"] not in (texts := _texts_by_id(up)):
        assert time.monotonic() < deadline, "the record did not reach the log"
        time.sleep(POLL_S)
    assert texts[answer["event_id"]] == answer["text"]
    assert "no_current_model" in up.run("ask", "hello", "--use-case", "nobody", code=2)


def test_a_prompt_is_changed_by_a_new_version_of_its_template(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    template = up.json("templates", "show", "cindermouth-summary@1")
    template["sections"][-1]["text"] = "In short: <line>"
    file.write_text(json.dumps({**template, "version": "2"}))
    (model,) = up.json("models", "list", "--use-case", "story_summary")
    change = ("models", "describe", model["model_id"], "--operator", "mira", "--reason", "test", "--set")

    assert "operator: Field required" in up.run("templates", "register", str(file), code=4)
    assert "models describe" in up.run("templates", "register", str(file), "--operator", "mira")
    assert "no template cindermouth-summary@3" in up.run(*change, "template=cindermouth-summary@3", code=2)
    up.run(*change, "template=cindermouth-summary@2", "--set", "copies=2", "--description", "for tests")

    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    while (changed := up.json("models", "show", model["model_id"]))["description"] != "for tests":
        assert time.monotonic() < deadline, "a view is a moment behind, not for ever"
        time.sleep(POLL_S)
    assert changed["configuration"] == {"template": "cindermouth-summary@2", "copies": 2}
    up.run(*change, "template=cindermouth-summary@1", "--unset", "copies")
    assert "no change is given" in up.run(*change[:-1], code=2)


def test_a_players_turn_is_found_and_what_stood_behind_it(up: Up) -> None:
    up.run("ask", "Who are you?", "--player", "ann", "--pattern", "I am [a-z]{3,9}\\.")
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    while not (found := up.json("turns", "list", "--player", "ann")):
        assert time.monotonic() < deadline, "the record did not reach the log"
        time.sleep(POLL_S)

    turn = found[-1]["asked"]["inference_id"]
    assert turn in up.run("turns", "list", "--player", "ann", "--text", "i am ")
    facts = {fact["what"]: fact for fact in up.json("turns", "show", turn)}
    assert all(fact["sound"] for fact in facts.values())
    assert facts.keys() >= {"asked", "prompt", "answered", "template", "policy", "model", "model_promoted"}
    assert "made again from the log: the same" in up.run("turns", "show", turn)
    assert "is no turn" in up.run("turns", "show", "xyz", code=2)
    assert "no inference id begins with" in up.run("turns", "show", "0" * 32, code=2)
    assert up.json("turns", "show", turn[:24]) == up.json("turns", "show", turn)
    assert "alias_not_found" in up.run("ask", "Who are you?", "--alias", "next", code=2)


def _texts_by_id(up: Up) -> dict[str, str]:
    tail = up.run("log", "tail", "--no-follow", "--type", "inference.completed", "--json")
    return {event["id"]: event["payload"]["text"] for event in map(json.loads, tail.splitlines())}


def test_answers_are_exported_with_consent_only_unless_a_reason_is_given(up: Up, tmp_path: Path) -> None:
    up.run("ask", "Tell me about the harbour.", "--seed", "3")
    mine, all_of_them = tmp_path / "mine.jsonl", tmp_path / "all.parquet"

    assert up.json("export", str(mine))["left_out"]["no_consent"] > 0
    manifest = up.json("export", str(all_of_them), "--without-consent-filter", "a test of the export")
    assert manifest["rows"] > 0
    assert manifest["consent"] == {"required": False, "why_not": "a test of the export"}
    assert json.loads((tmp_path / "all.parquet.manifest.json").read_text()) == manifest
    assert "--overwrite" in up.run("export", str(mine), code=2)
    assert "is no date or time" in up.run("export", str(mine), "--since", "soon", code=2)
    said = up.run("export", str(mine), "--without-consent-filter", "test", code=2)
    assert "'test' has 4 characters" in said
    assert "at least 8" in said


def test_the_spools_of_this_machine_are_shown(up: Up, tmp_path: Path) -> None:
    assert up.json("spool", "letters") == []
    assert all(one["dead_letters"] == 0 for one in up.json("spool", "status"))
    assert "no dead letter 'x'" in up.run("spool", "redrive", "x", code=2)
    assert "is no spool" in up.run("spool", "status", "--directory", str(tmp_path), code=2)


def test_the_relay_the_projections_and_the_dead_letters_report(up: Up) -> None:
    assert up.json("relay", "status")["leader"]
    views = {view.name for view in views_of(Settings())}
    assert {"current_models", "inference_stats", "ledger_balances"} <= views
    assert {row["name"] for row in up.json("projections", "list")} == views
    assert set(up.json("projections", "rebuild")) == views
    assert [view["differing"] for view in up.json("projections", "verify")] == [0] * len(views)
    assert up.json("dlq", "list") == []
    assert up.run("dlq", "show", "1", code=2).count("dlq list") == 1
    assert "no model is called 'nope'" in up.run("models", "show", "nope", code=2)
    assert "no projection 'nope'" in up.run("projections", "rebuild", "nope", code=2)


def test_components_can_be_added_as_processes(up: Up) -> None:
    process = Warm(("run", "relay", "projections"), up.environment)
    with process.stdout as said:
        ready = next((line for line in said if "ready" in line), "")
        process.send_signal(signal.SIGTERM)
        rest = said.read()

    assert "relay projections ready" in ready
    assert process.wait(COMMAND_TIMEOUT_S) == 0, rest


def test_new_events_are_handed_to_a_program(up: Up, tmp_path: Path) -> None:
    command = ["events", "follow", "pager", "--from-start", "--type", "registry.model_registered", "--"]
    said = tmp_path / "said"
    process = Warm([*command, "sh", "-c", "cat >> taken"], up.environment, tmp_path, output=said)
    registered = up.json("log", "stats")["types"]
    expected = next(row["events"] for row in registered if row["type"] == "registry.model_registered")
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    taken: list[str] = []
    while len(taken) < expected and process.poll() is None and time.monotonic() < deadline:
        taken = (tmp_path / "taken").read_text().splitlines() if (tmp_path / "taken").exists() else []
        time.sleep(POLL_S)
    process.send_signal(signal.SIGINT)

    assert process.wait(COMMAND_TIMEOUT_S) == 0, said.read_text()
    assert json.loads(taken[0])["payload"]["model_id"]
    assert len(taken) == expected
    assert "is no name of a follower" in up.run("events", "follow", "in", code=2)
    assert "no event 'no.such'" in up.run("events", "follow", "x", "--type", "no.such", code=2)


def test_the_clock_is_shown_paused_and_moved_and_alarms_are_kept(up: Up) -> None:
    who = ("--operator", "mira", "--reason", "a test")
    assert "leader  " in up.run("clock", "show")
    assert [each["type"] for each in up.json("clock", "pause", *who)["events"]] == ["clock.paused"]
    before = until_shown(up, paused=True)
    up.run("clock", "jump", "+3s", *who)
    until_shown(up, game_ms=before["game_ms"] + 3_000)
    up.run("clock", "set-alarm", "bell", "--after", "2h", "--every", "1d", "--what", "the ferry leaves")
    up.run("clock", "set-alarm", "bell", "--after", "3h", code=4)
    until_shown(up, alarms=1)
    [alarm] = up.json("clock", "alarms")
    assert alarm["due_game_ms"] == before["game_ms"] + 3_000 + 7_200_000
    month = until_shown(up)["reading"]["month"]
    assert f"-{month}-" in up.run("clock", "alarms")
    up.run("clock", "cancel-alarm", "bell")
    up.run("clock", "scale", "1/2", *who)
    up.run("clock", "scale", "60", *who)
    assert up.json("clock", "resume", *who)["paused"] is False
    up.run("clock", "start", *who, "--scale", "3", code=4)


def until_shown(up: Up, **wanted: object) -> dict[str, Any]:
    """Return the clock once it shows so; the view is a moment behind the log."""
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    while True:
        found: dict[str, Any] = up.json("clock", "show")
        if {name: found[name] for name in wanted} == wanted or time.monotonic() > deadline:
            assert {name: found[name] for name in wanted} == wanted
            return found
        time.sleep(POLL_S)


def test_errors_are_one_sentence_with_a_remedy(up: Up, tmp_path: Path) -> None:
    assert "in use by a running system" in up.run("up", code=4)
    assert "there are commands" in up.run("run", "nonsense", code=2)
    elsewhere = {**up.environment, "AICORE_STATE_DIR": str(tmp_path / "empty")}
    for environment, code, said in (
        (elsewhere, 3, "nothing runs"),
        ({**up.environment, "AICORE_REALM": "Bad Realm"}, 2, "AICORE_REALM"),
        (
            {**up.environment, "AICORE_NATS_URL": "nats://u:hunter2@127.0.0.1:1"},
            3,
            "at nats://u:***@127.0.0.1:1",
        ),
    ):
        ended, told = run_warm(("ask", "hi"), environment, COMMAND_TIMEOUT_S)
        assert ended == code, told
        assert said in told
        assert "hunter2" not in told
        assert told.count("aicore doctor") <= 1
        assert "Traceback" not in told
