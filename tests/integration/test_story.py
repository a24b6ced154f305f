"""Players speak to people in a running program; each line is one event, and is made again from the log."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from aicore.audit.lines import NoSuchLine, explain_line
from aicore.audit.rehearsing import Sources, resaid
from aicore.client import Client, Refused
from aicore.clock import now_us
from aicore.content.sample_world import sample_definition
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.people import PLAYERS
from aicore.wiring.story import shipped_mouth
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.ports import EventLog, StreamWrite
from bus.postgres.log import open_log
from domain.people.messages import PersonDecided
from domain.places.messages import Entered
from domain.story.messages import LineSaid, stream_of
from domain.story.staging import Asked
from domain.story.talk import TALKING
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import a_clock_goes, refused
from tests.unit.kit import ident, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

__all__ = ["system"]
CODEC = EventCodec(domain_catalogue())
ANN = {"player": "ann", "session": 1}
UNA = "person.una_pell"


async def people_come(log: EventLog) -> None:
    """Una is awake at the quay, and Nib asleep."""
    for who in ("una_pell", "nib"):
        entered = Entered.model_validate(
            {"who": f"person.{who}", "kind": "person", "place": "ropewalk_quay", "at_ms": 1, "at_us": 1}
        )
        await log.append(StreamWrite("people-realm", [CODEC.encode(entered, ident())]))
    asleep = PersonDecided.model_validate({**PersonDecided.example, "person": "nib", "action": "sleep"})
    await log.append(StreamWrite("people-realm", [CODEC.encode(asleep, ident())]))


async def test_players_speak_and_people_answer_what_they_believe(system: System) -> None:
    settings = Settings(lore_encoder="")
    async with (
        program(settings, system, ("commands", "queries")),
        connect(system.nats_url, name="game") as nc,
        open_log(system.postgres_dsn, system.realm, now_us=now_us) as log,
    ):
        client = Client(nc, system.realm)
        await a_clock_goes(client)
        await people_come(log)
        await client.command("session.open", {"player": "ann"})
        await _are_refused(client)
        await client.command("places.enter", {**ANN, "place": "ropewalk_quay"})
        await _answer(client, log)
        await _promise_by_words(client)
        await _say_what_is_pinned(client, log)
        await _say_no_more_what_is_rejected(client, log)
        await _say_a_bark_that_was_taken(client, log)
        await _are_explained(client, log)


async def say(client: Client, text: str, *, to: str = UNA, id_: UUID | None = None) -> Any:
    return await client.command("story.say", {**ANN, "to": to, "text": text}, id=id_ or uuid4())


async def _are_refused(client: Client) -> None:
    asked = {**ANN, "to": UNA, "text": "Hello"}
    assert (await refused(client, "story.say", **asked)).code == "not_there"
    assert (await refused(client, "story.say", **{**asked, "session": 2})).code == "session_over"
    assert (await refused(client, "story.say", **{**asked, "player": "bob"})).code == "no_session"
    assert (await refused(client, "story.say", **{**asked, "to": "player.bob"})).code == "invalid_field"
    assert (await refused(client, "story.say", **{**asked, "text": "a\0"})).code == "invalid_field"


async def _answer(client: Client, log: EventLog) -> None:
    id_ = uuid4()
    first = await say(client, "Who are you?", id_=id_)
    assert (first.result["line"], first.result["act"], first.result["speaker"]) == ("ann.1", "introduce", UNA)
    assert [each.type for each in first.events] == ["story.said"], "one event is the line and what follows"
    again = await say(client, "Who are you?", id_=id_)
    assert (again.duplicate, again.result, again.events) == (True, first.result, first.events)
    with pytest.raises(Refused) as other:
        await say(client, "Who is it?", id_=id_)
    assert other.value.error.code == "id_conflict"
    assert (await refused(client, "story.say", **ANN, to="person.nib", text="Hi")).code == "nobody_hears"
    claimed = await say(client, "I killed Gault")
    assert claimed.result["heard"] == [{"claim": "killed(player.ann, person.gault)", "over": False}]

    async def believed() -> bool:
        asked = {"holder": UNA, "about": "person.gault"}
        found = (await client.query("beliefs.known", asked)).result["beliefs"]
        return any((each["evidence"], each["teller"]) == ("claimed", "player.ann") for each in found)

    await until(believed)
    facts = (await client.query("beliefs.facts", {"predicate": "killed"})).result
    assert facts["facts"] == []
    (recorded,) = await log.read_stream(stream_of("ann"), after=1, limit=10)
    line = CODEC.decode(recorded)
    assert isinstance(line, LineSaid)
    assert line.utterance == "I killed Gault"


async def _promise_by_words(client: Client) -> None:
    """A promise is an event beside the line, in one append; what cannot be shown by an event is none."""
    id_ = uuid4()
    made = await say(client, "I promise to bring you lamp oil by tomorrow", id_=id_)
    assert [each.type for each in made.events] == ["story.said", "promises.made"]
    assert made.events[1].position == made.events[0].position + 1
    again = await say(client, "I promise to bring you lamp oil by tomorrow", id_=id_)
    assert (again.duplicate, again.events) == (True, made.events)
    for words in ("I promise to bring you lamp oil by tomorrow", "I promise to be good"):
        assert [each.type for each in (await say(client, words)).events] == ["story.said"]

    claims = (await patiently(client, "What did I promise you?"))["claims"]
    assert [each["claim"] for each in claims] == [f"promised(player.ann, {UNA}, good.lamp_oil)"], "at once"

    async def remembered() -> bool:
        found = (await client.query("memories.promises", {"of": "player.ann"})).result["promises"]
        return [(each["promise"], each["to"], each["what"], each["state"]) for each in found] == [
            (id_.hex, UNA, "good.lamp_oil", "open")
        ]

    await until(remembered)


async def patiently(client: Client, text: str) -> Any:
    """Say something until the player may speak again: who polls speaks faster than a player may."""
    found: list[Any] = []

    async def said() -> bool:
        try:
            found.append((await say(client, text)).result)
        except Refused as refusal:
            assert refusal.error.code == "over_allowance"
        return bool(found)

    await until(said)
    return found[0]


async def _say_what_is_pinned(client: Client, log: EventLog) -> None:
    by = {"operator": "ops", "reason": "a test"}
    pin = {"pin": "una", "by": UNA, "plan": "greet", "text": "There you are. Mind the rope."}
    assert (await refused(client, "story.pin", **{**pin, "text": "mind it"}, **by)).code == "bad_pin"
    read = await refused(client, "story.pin", **{**pin, "text": "Nib is dead. Mind the rope."}, **by)
    assert (read.code, read.field) == ("bad_pin", "text")
    assert "'Nib'" in read.message
    assert (await refused(client, "story.pin", **{**pin, "by": "person.una_pel"}, **by)).field == "by"
    first = await client.command("story.pin", {**pin, **by})

    async def is_listed() -> bool:
        found = (await client.query("story.pins", {"by": UNA})).result["pins"]
        return [(each["pin"], each["position"]) for each in found] == [("una", first.events[0].position)]

    await until(is_listed)
    assert (await client.query("story.pins", {"by": "person.nib"})).result["pins"] == []

    async def says_it() -> bool:
        return bool((await patiently(client, "Hello"))["rung"] == "pinned")

    await until(says_it)
    await client.command("story.unpin", {"pin": "una", **by})
    assert (await refused(client, "story.unpin", pin="una", **by)).code == "unknown_pin"


EEL = "An eel asked me the way once. I pointed, and it is still going."
OAR = "Two oars fell out. They went round and round about it."


async def _say_no_more_what_is_rejected(client: Client, log: EventLog) -> None:
    """From then on, without a restart; and every line is still made again, before the verdict and after."""
    by = {"operator": "mira", "reason": "too coarse"}
    line, id_ = (await patiently(client, "Thank you"))["line"], uuid4()
    first = await client.command("story.reject", {"line": line, **by}, id=id_)
    again = await client.command("story.reject", {"line": line, **by}, id=id_)
    assert (again.duplicate, again.events) == (True, first.events)
    assert (await client.command("story.reject", {"line": line, **by})).events == []
    for name in ("ann.999", "bob.1"):
        assert (await refused(client, "story.approve", line=name, **by)).code == "unknown_line"

    async def is_listed() -> bool:
        rows = (await client.query("story.verdicts")).result["verdicts"]
        return [(each["line"], each["verdict"]) for each in rows] == [(line, "rejected")]

    await until(is_listed)

    async def by_another_corpus() -> bool:
        said = await patiently(client, "Thank you")
        number = int(said["line"].partition(".")[2])
        (recorded,) = await log.read_stream(stream_of("ann"), after=number - 1, limit=1)
        made = CODEC.decode(recorded)
        assert isinstance(made, LineSaid)
        if made.made_of.corpus == shipped_mouth().digest:
            return False
        assert not set(made.lines) & set(first.result["lines"])
        return True

    await until(by_another_corpus)


async def _say_a_bark_that_was_taken(client: Client, log: EventLog) -> None:
    """Proposed, refused if it is not written as the corpus is, said by nobody until it is taken."""
    by = {"operator": "mira", "reason": "the night's batch"}
    (last,) = await log.read_stream(stream_of("ann"), after=0, limit=1)
    told = CODEC.decode(last)
    assert isinstance(told, LineSaid)
    bark = {"voice": told.made_of.voice, "act": "joke", "mood": "calm", "maker": "ember-silver", **by}
    for text, code in (("Gault is dead.", "unusable_line"), ("It took 3 eels.", "unusable_line")):
        assert (await refused(client, "story.propose_bark", **bark, text=text)).code == code
    elsewhere = {**bark, "voice": "harbour/nobody", "text": EEL}
    assert (await refused(client, "story.propose_bark", **elsewhere)).code == "unknown_voice"
    assert (await refused(client, "story.take_bark", bark="0" * 12, **by)).code == "unknown_bark"

    sent = [(uuid4(), text) for text in (EEL, OAR)]
    replies = [
        await client.command("story.propose_bark", {**bark, "text": text}, id=id_) for id_, text in sent
    ]
    ids = [each.result["bark"] for each in replies]

    async def both_wait() -> bool:
        rows = (await client.query("story.barks")).result["barks"]
        return [(each["bark"], each["state"]) for each in rows] == [
            (id_, "proposed") for id_ in reversed(ids)
        ]

    await until(both_wait)
    for command, bark_id in (("story.decline_bark", ids[1]), ("story.take_bark", ids[0])):
        await sent_twice(client, command, {"bark": bark_id, **by})

    async def is_said() -> bool:
        return EEL in (await patiently(client, "Tell me a joke"))["text"]

    await until(is_said)
    rows = (await client.query("story.barks")).result["barks"]
    assert [(each["bark"], each["state"], each["text"]) for each in rows] == [(ids[0], "taken", EEL)]
    assert (await refused(client, "story.propose_bark", **bark, text=EEL)).code == "known_line"
    again = await client.command("story.propose_bark", {**bark, "text": EEL}, id=sent[0][0])
    assert (again.duplicate, again.result) == (True, {"bark": ids[0]}), "a command that is sent again"


async def sent_twice(client: Client, command: str, payload: dict[str, str]) -> None:
    """Send a command, and again once it is known what it came to."""
    id_ = uuid4()
    first = await client.command(command, payload, id=id_)
    again = await client.command(command, payload, id=id_)
    assert (again.duplicate, again.events, again.result) == (True, first.events, first.result)


async def _are_explained(client: Client, log: EventLog) -> None:
    page = await log.read_stream(stream_of("ann"), after=0, limit=100)
    lines = [CODEC.decode(each) for each in page]
    rungs, sources = set(), Sources(log, CODEC, sample_definition, shipped_mouth(), PLAYERS)
    for line in lines:
        assert isinstance(line, LineSaid)
        told = await explain_line(log, CODEC, line.line, shipped_mouth())
        assert (told.differs, told.again) == ([], line)
        assert isinstance(line.utterance, str)
        same = await resaid(sources, line.line, Asked(words=line.utterance))
        assert same.changed == {}, "what was believed then is folded again: the same line follows"
        assert all(each.position for each in told.goes_by)
        rungs.add(line.rung)
    assert rungs == {"pinned", "written"}
    asked = (await client.query("story.explain", {"line": "ann.2"})).result
    (second,) = [each for each in lines if isinstance(each, LineSaid) and each.line == "ann.2"]
    assert (asked["differs"], asked["again"], asked["line"]["text"]) == ([], second.text, second.text)
    assert "utterance" not in asked["line"], "a player's words are shown to who may read the log"
    assert (await client.query("story.explain", {"line": "ann.999"})).result is None
    silent = (await client.query("director.silence", {"player": "ann"})).result
    assert (silent["place"], len(silent["nearest"])) == ("ropewalk_quay", 5)
    state = TALKING.fold([each for each in lines if isinstance(each, LineSaid)])
    assert state.count == len(lines)
    for name in ("ann.999", "ann", "bob.1", "ann.0"):
        with pytest.raises(NoSuchLine):
            await explain_line(log, CODEC, name, shipped_mouth())
