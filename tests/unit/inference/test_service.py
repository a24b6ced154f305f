"""inference.generate from message to reply on the in-memory log, with an engine whose words are known."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from nats.errors import OutboundBufferLimitError

from bus.memory import MemoryLog
from bus.nats.tokens import token_giver
from bus.ports import AppendResult, IdConflict, LogUnavailable, RecordedEvent, StreamWrite
from bus.spool.spool import open_spool
from domain.inference.inference import Inference
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceFellBack,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.decider import Rejected
from handlers.inference.admission import AllowanceLimits, Allowances, OverAllowance, Overloaded
from handlers.inference.records import InferenceRecords, recall_with
from handlers.inference.service import InferenceService
from handlers.kernel import look_up
from handlers.registry.models import RegistryView
from protocol.messages import Reply
from tests.harness.queues import MemoryOutbox
from tests.unit.inference.kit import Stage, ask, routes, stage
from tests.unit.kit import (
    START_US,
    WAIT_S,
    message,
    model,
    records_on,
    runner_on,
    until,
)

__all__ = ["stage"]


async def test_answer_is_recorded_with_all_that_explains_it(stage: Stage) -> None:
    configuration = {"prompt_template": "{npc}: {prompt}", "cost_micro_per_1k_tokens": 1_000}
    await stage.register(configuration=configuration, artefacts={"a": "sha256:" + "0" * 64})
    reply = await stage.service()(ask("who goes {npc}", npc="wen", seed=3))

    requested, completed = await stage.events()
    assert isinstance(requested, InferenceRequested)
    assert isinstance(completed, InferenceCompleted)
    assert requested.rendered_prompt == "wen: who goes {npc}"
    assert (requested.seed, requested.npc, requested.tier) == (3, "wen", "gold")
    assert requested.model_version == "1"
    assert requested.artefacts_digest.startswith("sha256:")
    assert completed.cost_micro == 8
    assert reply.result["text"] == completed.text == "WEN: WHO GOES {NPC}"
    assert reply.result["model"]["version"] == "1"
    recorded = await stage.log.read_all()
    assert [str(e.id) for e in recorded][-1] == reply.result["event_id"]
    assert reply.result["recorded"]
    assert [e.version for e in recorded if e.type.startswith("inference.")] == [1, 2]


async def test_no_model_is_a_refusal_that_is_recorded(stage: Stage) -> None:
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask())

    assert (refusal.value.code, refusal.value.field) == ("no_current_model", "use_case")
    [refused] = await stage.events()
    assert isinstance(refused, InferenceRefused)
    assert (refused.code, refused.use_case) == ("no_current_model", "npc_dialogue")


async def test_model_that_the_view_has_not_seen_yet_is_found_in_the_log(stage: Stage) -> None:
    unfed = RegistryView(stage.log, decode=stage.codec.decode)
    await stage.register()
    records = records_on(stage.spool, stage.log, stage.codec)
    service = InferenceService(records, unfed, routes(stage.engine))

    assert (await service(ask())).result["text"] == "WHO GOES THERE"


async def test_provider_without_engine_is_a_refusal(stage: Stage) -> None:
    await stage.register(provider="somebody")
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask())

    assert refusal.value.code == "no_engine"
    assert await stage.codes() == ["no_engine"]


async def test_prompt_too_long_for_the_template_is_a_refusal(stage: Stage) -> None:
    await stage.register(configuration={"prompt_template": "x" * 16_000 + "{prompt}"})
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask("y" * 400))

    assert (refusal.value.code, refusal.value.field) == ("prompt_too_long", "prompt")


@pytest.mark.parametrize("same_process", [True, False])
async def test_retry_gets_the_first_answer_without_asking_the_engine(
    stage: Stage, same_process: bool
) -> None:
    await stage.register()
    service = stage.service()
    first = await service(ask(name="q"))
    await stage.events()
    retry = await (service if same_process else stage.service())(ask(name="q"))

    assert retry.duplicate
    assert retry.result == first.result
    assert len(stage.engine.prompts) == 1


async def test_retry_with_other_words_is_refused(stage: Stage) -> None:
    await stage.register()
    await stage.service()(ask(name="q"))
    await stage.events()

    with pytest.raises(IdConflict):
        await stage.service()(ask("something else", name="q"))


async def test_the_id_of_another_command_asks_no_engine(stage: Stage) -> None:
    await stage.runner(message("registry.register_model", model("1"), name="used"))

    with pytest.raises(IdConflict):
        await stage.service()(ask(name="used"))
    assert not stage.engine.prompts


async def test_retry_while_the_first_try_is_at_the_engine_waits_for_its_answer(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    service = stage.service()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(service(ask(name="q")))
        retry = group.create_task(service(ask(name="q")))
        await until(lambda: len(stage.engine.prompts) == 1)
        stage.engine.go.set()

    assert (first.result().duplicate, retry.result().duplicate) == (False, True)
    assert first.result().result == retry.result().result
    assert len(stage.engine.prompts) == 1


async def test_a_log_that_is_away_holds_up_nobody(stage: Stage, tmp_path: Path) -> None:
    """The turn goes on, the records wait on the disk, and a retry still gets the first answer."""
    await stage.register()
    away = Away()
    async with open_spool(tmp_path / "away", away, stage.spool_options()) as spool:
        records = records_on(spool, away, stage.codec)
        service = InferenceService(records, stage.view, routes(stage.engine))
        first = await service(ask(name="q"))
        retry = await service(ask(name="q"))
        assert first.result["recorded"]
        assert retry.duplicate
        assert retry.result == first.result
        assert spool.figures().backlog_records == 2


async def test_a_full_spool_is_said_and_the_line_is_given(stage: Stage, tmp_path: Path) -> None:
    await stage.register()
    options = replace(stage.spool_options(), backlog_bytes_max=1)
    async with open_spool(tmp_path / "full", Away(), options) as spool:
        service = InferenceService(
            records_on(spool, stage.log, stage.codec), stage.view, routes(stage.engine)
        )
        reply = await service(ask())
    assert (reply.result["text"], reply.result["recorded"]) == ("WHO GOES THERE", False)


@pytest.mark.parametrize("times", [1, 2])
async def test_an_answer_is_recorded_behind_its_question_or_not_at_all(stage: Stage, times: int) -> None:
    """By itself it could only become a dead letter: the log expects the question first."""

    await stage.register()
    stage.engine.go.clear()
    full = MemoryOutbox(stage.log, refusals=times)
    service = InferenceService(records_on(full, stage.log, stage.codec), stage.view, routes(stage.engine))
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(service(ask()))
        await until(lambda: full.refused)
        stage.engine.go.set()
    reply = asked.result()
    assert reply.result["recorded"] == (times == 1)
    recorded = [event.event_name for event in await stage.events()]
    assert recorded == (["inference.requested", "inference.completed"] if times == 1 else [])
    assert full.letters == []


class Away(MemoryLog):
    """A log that cannot be reached."""

    def __init__(self) -> None:
        super().__init__("test", lambda: START_US)

    async def append(self, *writes: StreamWrite) -> AppendResult:
        raise LogUnavailable("away")

    async def read_stream(self, stream: str, *, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        raise LogUnavailable("away")


async def test_a_retry_after_a_restart_while_the_log_is_away_gets_the_first_answer(
    stage: Stage, tmp_path: Path
) -> None:
    """The scar: it was asked again, and the second answer's record became a dead letter."""

    async def process(log: MemoryLog, *, shipped: bool = False) -> Reply:
        async with open_spool(tmp_path / "own", log, stage.spool_options()) as spool:

            def left(stream: str) -> list[Any]:
                decode = stage.codec.decode_payload
                return [decode(each.type, each.schema_version, each.payload) for each in spool.left(stream)]

            recall = recall_with(runner_on(log, stage.codec), left)
            records = InferenceRecords(
                spool, stage.codec, recall, now_us=lambda: START_US, new_id=lambda: UUID(int=1)
            )
            if shipped:
                await until(lambda: not spool.figures().backlog_records)
                assert not spool.left(f"inference-{question.id.hex}")
            return await InferenceService(records, stage.view, routes(stage.engine))(question)

    await stage.register()
    question = ask(name="q")
    first = await process(Away())
    for reply in (await process(Away()), await process(stage.log, shipped=True)):
        assert reply.duplicate
        assert reply.result == first.result
    assert len(stage.engine.prompts) == 1
    assert len(await stage.events()) == 2


async def test_request_interrupted_at_the_engine_goes_on_with_its_recorded_model(stage: Stage) -> None:
    """The first try died with its process; meanwhile another model was promoted."""
    first_model = await stage.register()
    stage.engine.go.clear()
    async with asyncio.TaskGroup() as group:
        dying = group.create_task(stage.service()(ask(name="q")))
        await until(lambda: len(stage.engine.prompts) == 1)
        dying.cancel()
    stage.engine.go.set()
    assert len(await stage.events()) == 1
    second = await stage.register(version="2")
    payload = {
        "use_case": "npc_dialogue",
        "model_id": second.result["model_id"],
        "operator": "o",
        "reason": "r",
        "override": "a test",
    }
    promoted = await stage.runner(message("registry.promote_model", payload))
    await stage.view.reached(promoted.events[-1].position)

    reply = await stage.service()(ask(name="q"))

    assert reply.result["model"]["id"] == first_model.result["model_id"]
    assert len(await stage.events()) == 2


@pytest.mark.parametrize(
    ("failure", "prompt", "code"), [("out of memory", "hm", "engine_failed"), ("", " ", "empty_output")]
)
async def test_failure_is_recorded_and_a_retry_gets_the_same(
    stage: Stage, failure: str, prompt: str, code: str
) -> None:
    await stage.register()
    stage.engine.failure = failure
    for _ in range(2):
        with pytest.raises(Rejected, match=code) as refusal:
            await stage.service()(ask(prompt, name="q"))
        assert refusal.value.code == "inference_failed"
        await stage.events()
        stage.engine.failure = ""

    _, failed = await stage.events()
    assert isinstance(failed, InferenceFailed)
    assert failed.code == code


async def test_a_deadline_ends_the_answer_and_is_recorded(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    with pytest.raises(Rejected, match="deadline"):
        await stage.service()(ask(deadline_ms=20))

    assert (await stage.events())[-1].code == "deadline_exceeded"


@pytest.mark.parametrize("line", [None, "Not now."])
async def test_a_deadline_counts_from_the_arrival(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, line: str | None
) -> None:
    """What is done before an engine is asked, such as a look into the log, is the player's time, too."""
    await stage.register()
    service = stage.service()
    find = service._records.find

    async def slow(id_: UUID, within_s: float, **known: bool) -> Inference:
        await asyncio.sleep(0.05)
        return await find(id_, within_s, **known)

    monkeypatch.setattr(service._records, "find", slow)
    asking = service(ask(deadline_ms=20, authored_line=line))
    if line:
        assert (await asking).result["finish_reason"] == "authored"
    else:
        with pytest.raises(Rejected, match="deadline_exceeded"):
            await asking
    assert stage.engine.prompts == []
    assert isinstance((await stage.events())[0], InferenceRequested)


async def test_full_engines_refuse_and_say_when_to_come_again(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    stage.engine.capacity = 1
    service = stage.service(waiting_max=1)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(service(ask(prompt))) for prompt in ("a", "b")]
        await until(lambda: stage.engine.prompts == ["a", "b"])
        with pytest.raises(Overloaded) as refusal:
            await service(ask("c"))
        stage.engine.go.set()

    assert refusal.value.retry_after_ms
    assert "2 turns are there" in refusal.value.message
    assert [task.result().result["text"] for task in running] == ["A", "B"]
    assert await stage.codes() == ["overloaded"]


async def test_a_question_while_every_engine_is_away_is_told_so(stage: Stage) -> None:
    """The scar: it was told that the tier is overloaded, and to come again in 50 ms."""
    await stage.register()
    service = stage.service()
    engine_state = service._router.engine_states()["echo"]
    engine_state.ok, engine_state.reason = False, "nobody answers there"
    with pytest.raises(
        Overloaded, match=r"no engine can be asked now: echo: unhealthy: nobody answers"
    ) as no:
        await service(ask("a"))
    assert (no.value.code, no.value.retry_after_ms) == ("engines_away", 1_000)
    assert await stage.codes() == ["engines_away"]


async def test_a_player_has_an_allowance_of_requests_and_tokens(stage: Stage) -> None:
    """Four seconds' worth at once; what is refused may come again."""
    await stage.register()
    now = [0.0]
    limits = AllowanceLimits(player_requests=1, player_tokens=100)
    service = stage.service(allowances=Allowances(limits, lambda: now[0]))
    for _ in range(4):
        await service(ask(player="ann"))
    with pytest.raises(
        OverAllowance, match=r"requests of player ann than allowed: \d+ a second, \d+ at once"
    ) as refusal:
        await service(ask(player="ann", name="q"))
    assert refusal.value.retry_after_ms == 1_000
    assert (await service(ask(player="bob"))).result["text"]
    assert (await service(ask())).result["text"]
    now[0] += 1.0
    assert (await service(ask(player="ann", name="q"))).result["text"]
    now[0] += 100.0
    await service(ask(player="ann", max_tokens=400))
    with pytest.raises(OverAllowance, match="tokens of player ann"):
        await service(ask(player="ann", max_tokens=64))


def test_who_is_over_one_allowance_uses_up_none() -> None:
    allowances = Allowances(AllowanceLimits(player_requests=1, player_tokens=10), lambda: 0.0)
    allowances.take(player="ann", service=None, tokens=40)
    for _ in range(10):
        with pytest.raises(OverAllowance, match="tokens of player ann"):
            allowances.take(player="ann", service=None, tokens=40)
    allowances.take(player="ann", service=None, tokens=0)


def test_the_players_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.inference.admission.KEYS_MAX", 4)
    allowances = Allowances(AllowanceLimits(), lambda: 0.0)
    for number in range(20):
        allowances.take(player=f"p{number}", service="game:one", tokens=1)
    assert len(allowances._buckets) == 4


@pytest.mark.parametrize(("ahead_ms", "asked"), [(-1_000, 1), (1_000, 1), (60_000, 0), (3 * 86_400_000, 1)])
async def test_only_an_id_that_is_surely_younger_than_the_process_is_not_looked_up(
    stage: Stage, ahead_ms: int, asked: int
) -> None:
    """By a clock that is days slow what was made before its start seems younger: that is looked up, too."""
    looked = list[str]()

    async def recall(stream: str) -> Inference:
        looked.append(stream)
        return Inference()

    records = InferenceRecords(
        stage.spool, stage.codec, recall, now_us=lambda: START_US, new_id=lambda: UUID(int=1)
    )
    made_ms = START_US // 1_000 + ahead_ms
    await records.find(UUID(int=made_ms << 80 | 7 << 76 | 2 << 62))
    assert len(looked) == asked


async def test_a_log_that_is_silent_is_waited_for_only_as_long_as_the_question_has_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scar: a question of 300 ms waited a whole second to learn whether it was answered before."""
    monkeypatch.setattr(look_up, "LOOK_UP_S", 3_600.0)

    async def recall(stream: str) -> Inference:
        await asyncio.Event().wait()
        raise AssertionError

    await stage.register()
    records = InferenceRecords(stage.spool, stage.codec, recall, now_us=lambda: START_US, new_id=uuid4)
    service = InferenceService(records, stage.view, routes(stage.engine))
    async with asyncio.timeout(WAIT_S):
        reply = await service(ask("a", deadline_ms=300, authored_line="Hm."))
    assert reply.result["text"] in ("A", "Hm.")


async def test_a_tier_that_is_not_served_is_a_refusal(stage: Stage) -> None:
    await stage.register()
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask(tier="bronze"))

    assert (refusal.value.code, refusal.value.field) == ("no_engine", "tier")
    assert await stage.codes() == ["no_engine"]


async def test_pieces_are_given_in_order_and_numbered(stage: Stage) -> None:
    await stage.register()
    given: list[tuple[str, str, int, str]] = []

    async def give(*piece: Any) -> None:
        given.append(piece)

    reply = await stage.service(give=give)(ask(stream_to="_INBOX.me"))
    assert given == [("_INBOX.me", reply.result["inference_id"], 0, "WHO GOES THERE")]
    assert reply.result["served"]["engine"] == "echo"


@pytest.mark.parametrize("subject", ["demo.cmd.registry.x", "_INBOX.>", "_INBOX", "demo.evt.a.b.c"])
async def test_pieces_go_to_nobody_elses_subject(stage: Stage, subject: str) -> None:
    await stage.register()
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask(stream_to=subject))

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "stream_to")


async def test_cancelling_ends_the_answer_and_is_recorded(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    service = stage.service()
    asked = ask(name="q")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(service(asked))
        await until(lambda: stage.engine.prompts)
        assert service.cancel(asked.id.hex, asked.meta.actor)
    assert task.result().result["finish_reason"] == "cancelled"
    assert isinstance((await stage.events())[-1], InferenceCancelled)
    assert not service.cancel(asked.id.hex, asked.meta.actor)
    assert (await service(asked)).duplicate


async def test_a_cancellation_that_comes_before_an_engine_is_asked_is_not_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.register()
    service = stage.service()
    find, looking, go_on = service._records.find, asyncio.Event(), asyncio.Event()

    async def slow(id_: UUID, within_s: float, **known: bool) -> Inference:
        looking.set()
        await go_on.wait()
        return await find(id_, within_s, **known)

    monkeypatch.setattr(service._records, "find", slow)
    question = ask()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(service(question))
        await looking.wait()
        assert service.cancel(question.id.hex, question.meta.actor)
        assert not service.cancel(question.id.hex, question.meta.actor), "once"
        go_on.set()
    assert task.result().result["finish_reason"] == "cancelled"
    assert stage.engine.prompts == []
    assert isinstance((await stage.events())[-1], InferenceCancelled)
    assert not service.cancel(question.id.hex, question.meta.actor), "it is over"


async def test_a_cancellation_that_overtakes_its_question_is_remembered_for_a_moment(stage: Stage) -> None:
    await stage.register()
    service = stage.service()
    question = ask()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(service(question))  # it has not begun
        assert not service.cancel(question.id.hex, question.meta.actor), "nobody can say yet"
    assert task.result().result["finish_reason"] == "cancelled"
    assert (await service(ask())).result["finish_reason"] == "stop"


async def test_cancellations_of_what_never_comes_are_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.inference.inbox.EARLY_MAX", 2)
    await stage.register()
    service = stage.service()
    questions = [ask(f"who is {number}") for number in range(3)]
    for question in questions:
        service.cancel(question.id.hex, question.meta.actor)
    assert (await service(questions[0])).result["finish_reason"] == "stop"
    monkeypatch.setattr("handlers.inference.inbox.EARLY_S", -1.0)
    assert (await service(questions[1])).result["finish_reason"] == "stop", "long ago"


async def test_a_broker_that_takes_no_more_pieces_ends_the_turn_as_cancelled(stage: Stage) -> None:
    class Full:
        async def publish(self, _subject: str, _body: bytes) -> None:
            raise OutboundBufferLimitError

    await stage.register()
    give = token_giver(Full())  # type: ignore[arg-type]  # of a connection, what it uses
    reply = await stage.service(give=give)(ask(stream_to="_INBOX.a"))
    assert reply.result["finish_reason"] == "cancelled"
    assert isinstance((await stage.events())[-1], InferenceCancelled)


async def test_a_bug_of_ours_leaves_no_question_without_an_outcome(stage: Stage) -> None:
    async def give(*_: object) -> None:
        raise AssertionError("a bug")

    await stage.register()
    with pytest.raises(Rejected) as told:
        await stage.service(give=give)(ask(stream_to="_INBOX.a"))
    assert told.value.code == "inference_failed"
    [_, failed] = await stage.events()
    assert isinstance(failed, InferenceFailed)
    assert failed.code == "internal"


async def test_the_authored_line_is_said_when_no_engine_can(stage: Stage) -> None:
    await stage.register()
    stage.engine.failure = "out of memory"
    reply = await stage.service()(ask(authored_line="Not now."))

    _, fell_back, completed = await stage.events()
    assert isinstance(fell_back, InferenceFellBack)
    assert (fell_back.kind, fell_back.served_tier) == ("authored", None)
    assert fell_back.reason == "echo: engine_failed after 0 tokens"
    assert reply.result["text"] == completed.text == "Not now."
    assert (completed.finish_reason, completed.engine) == ("authored", "")
    assert [attempt.fault for attempt in completed.attempts] == ["engine_failed"]


async def test_the_authored_line_saves_a_turn_from_its_deadline(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    reply = await stage.service()(ask(authored_line="Not now.", deadline_ms=20))

    _, fell_back, completed = await stage.events()
    assert (fell_back.kind, fell_back.reason) == ("authored", completed.choice)
    assert "the deadline passed" in completed.choice
    assert (reply.result["text"], reply.result["finish_reason"]) == ("Not now.", "authored")


async def test_current_model_query_answers_from_memory(stage: Stage) -> None:
    assert await stage.view.answer({"use_case": "npc_dialogue"}) == (None, 0)
    reply = await stage.register()
    shown, position = await stage.view.answer({"use_case": "npc_dialogue"})

    assert (shown["model_id"], shown["status"], position) == (reply.result["model_id"], "current", 2)
    with pytest.raises(Rejected):
        await stage.view.answer({"usecase": "x"})
