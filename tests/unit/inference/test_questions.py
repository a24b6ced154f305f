"""What a model is asked: templates, the split of the traffic, answers given again, refusals, ratings."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from domain.inference.messages import InferenceCompleted, InferenceRated, InferenceRequested
from domain.inference.recording import RecordCompletion
from domain.kernel.decider import Rejected
from handlers.engines.port import End, EngineAsk, Piece
from handlers.inference.answers import Answers, key_of
from handlers.inference.service import InferenceService
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from tests.unit.inference.kit import Stage, ask, stage
from tests.unit.kit import (
    EchoEngine,
    message,
    records_on,
    until,
)

__all__ = ["stage"]

TEMPLATE = {
    "name": "harbour",
    "version": "1",
    "sections": [
        {"name": "npc", "text": "[{value}]"},
        {"name": "lore", "text": "true: {value}.", "cut": 2},
        {"name": "history", "text": "before: {value}.", "cut": 3},
        {"name": "prompt", "text": "says {value}"},
        {"name": "answer", "text": "answer:"},
    ],
    "reserved": ["answer:"],
    "budget": 20,
    "operator": "test",
}


# --- templates --------------------------------------------------------------------------------------


async def templated(stage: Stage) -> None:
    await stage.runner(message("prompts.register_template", TEMPLATE))
    await stage.register(configuration={"template": "harbour@1"})


async def test_a_template_puts_the_context_together_and_the_record_names_it(stage: Stage) -> None:
    await templated(stage)
    context = {"lore": "the sea is salt", "npc": "Wen"}
    await stage.service()(ask("what answer: is true", context=context, max_tokens=2))

    requested, _ = await stage.events()
    assert requested.rendered_prompt == "[Wen] true: the sea is salt. says what is true answer:"
    assert (requested.template, requested.cut) == ("harbour@1", [])
    assert requested.template_digest.startswith("sha256:")
    assert requested.context == context


async def test_one_template_can_be_asked_for(stage: Stage) -> None:
    """The scar: an evaluation asked for all versions of all templates, which a long life's fit no message."""
    for version in "12":
        await stage.runner(message("prompts.register_template", {**TEMPLATE, "version": version}))
    view = RegistryView(stage.log, decode=stage.codec.decode)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(view.run())
        await until(lambda: view.position == 2)
        following.cancel()
    shown, _ = await view.answer_templates({"template": "harbour@2"})
    assert [each["version"] for each in shown] == ["2"]
    assert len((await view.answer_templates({}))[0]) == 2


async def test_what_does_not_fit_is_cut_oldest_first_and_told(stage: Stage) -> None:
    await templated(stage)
    context = {"lore": "the sea is salt", "history": ["one two three", "four five six", "seven eight nine"]}
    reply = await stage.service()(ask("now", context=context, max_tokens=5))

    requested, _ = await stage.events()
    assert requested.rendered_prompt == "true: the sea is salt. before: seven eight nine. says now answer:"
    assert [cut.model_dump() for cut in requested.cut] == [{"section": "history", "items": 2, "tokens": 6}]
    assert reply.result["cut"] == [{"section": "history", "items": 2, "tokens": 6}]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"context": {"colour": "red"}}, "unknown_context", "context"),
        ({"prompt": "word " * 30}, "prompt_too_long", "prompt"),
        ({"max_tokens": 30}, "invalid_field", "max_tokens"),
        ({"max_tokens": -1}, "invalid_field", "max_tokens"),
        ({"deadline_ms": 0}, "invalid_field", "deadline_ms"),
        ({"tier": "platinum"}, "invalid_field", "tier"),
        ({"prompt": 7}, "invalid_field", "prompt"),
        ({"context": {"lore": ["x" * 16_000] * 5}}, "invalid_field", "context"),
    ],
)
async def test_bad_input_is_a_typed_error_and_a_record(
    stage: Stage, changes: dict[str, Any], code: str, field: str
) -> None:
    await templated(stage)
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask(**{"max_tokens": 2, **changes}))

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert [(event.code, event.field) for event in await stage.events()] == [(code, field)]


async def test_a_template_that_is_not_registered_is_a_refusal(stage: Stage) -> None:
    await stage.register(configuration={"template": "nowhere@1"})
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask())
    assert refusal.value.code == "template_not_found"


async def test_context_without_a_template_is_a_refusal(stage: Stage) -> None:
    await stage.register()
    with pytest.raises(Rejected) as refusal:
        await stage.service()(ask(context={"lore": "x"}))
    assert (refusal.value.code, refusal.value.field) == ("unknown_context", "context")


async def test_a_character_that_the_content_knows_brings_a_context(stage: Stage) -> None:
    await templated(stage)
    scenes = {"wen": {"npc": "Wen, ferryman", "lore": ["the sea is salt"], "unknown": "left out"}}
    service = stage.service(scenes=lambda npc, _: scenes.get(npc, {}))
    await service(ask("hi", npc="wen", max_tokens=2, context={"lore": "the sea is deep"}))
    await service(ask("hi", npc="tom", max_tokens=2))

    prompts = [e.rendered_prompt for e in await stage.events() if isinstance(e, InferenceRequested)]
    assert prompts == ["[Wen, ferryman] true: the sea is deep. says hi answer:", "[tom] says hi answer:"]


@pytest.mark.parametrize(
    ("npc", "context", "warned"),
    [
        ("gualt", {}, "the content has no character 'gualt'; did you mean 'gault'?"),
        ("zzz", {}, "the content has no character 'zzz'; add the character there, or give context.npc"),
        ("gault", {}, ""),
        ("wen", {"npc": "Wen, a diver"}, ""),
        (None, {}, ""),
    ],
)
async def test_a_character_that_nobody_knows_is_answered_with_a_warning(
    stage: Stage, npc: str | None, context: dict[str, str], warned: str
) -> None:
    await templated(stage)
    service = stage.service(characters=["gault", "ilse_harrow"])
    question = ask("hi", npc=npc, max_tokens=2, context=context)

    replies = [await service(question), await service(question)]  # the first, and a repeat

    warnings = [{"code": "unknown_npc", "field": "npc", "message": warned}] if warned else []
    assert [reply.result["warnings"] for reply in replies] == [warnings, warnings]
    assert [reply.duplicate for reply in replies] == [False, True]


@pytest.mark.parametrize(
    ("npc", "section", "scenes", "warned"),
    [
        ("wen", "weather", {}, True),
        ("wen", "weather", {"wen": {"npc": "Wen", "lore": "salt"}}, True),
        ("wen", "lore", {"wen": {"npc": "Wen", "lore": "salt"}}, False),
        ("wen", "npc", {}, False),
        (None, "weather", {}, False),
    ],
)
async def test_a_character_for_whom_the_template_has_no_place_is_answered_with_a_warning(
    stage: Stage, npc: str | None, section: str, scenes: dict[str, Any], warned: bool
) -> None:
    sections = [{"name": name, "text": "{value}"} for name in (section, "prompt")]
    await stage.runner(message("prompts.register_template", {**TEMPLATE, "sections": sections}))
    await stage.register(configuration={"template": "harbour@1"})
    service = stage.service(characters=["wen"], scenes=lambda npc, _: scenes.get(npc, {}))
    question = ask("hi", npc=npc, max_tokens=2)

    replies = [await service(question), await service(question)]

    told = [[warning["code"] for warning in reply.result["warnings"]] for reply in replies]
    assert told == [["npc_without_place"] if warned else []] * 2


async def test_without_content_no_character_is_warned_of(stage: Stage) -> None:
    await templated(stage)

    assert (await stage.service()(ask("hi", npc="gualt", max_tokens=2))).result["warnings"] == []


# --- the split of the traffic -----------------------------------------------------------------------


async def test_a_player_meets_one_version_while_the_traffic_is_split(stage: Stage) -> None:
    first = (await stage.register()).result["model_id"]
    second = (await stage.register(version="2")).result["model_id"]
    service = stage.service()

    async def met(percent: int) -> dict[str, str]:
        shares = {first: 100 - percent, second: percent}
        shift = {"use_case": "npc_dialogue", "shares": shares, "operator": "mira", "reason": "a look"}
        shift["override"] = "a test"
        reply = await stage.runner(message("registry.shift_traffic", shift))
        await stage.view.reached(max((event.position for event in reply.events), default=0))
        players = [f"p{n}" for n in range(60)]
        replies = [await service(ask(player=player)) for player in players]
        return {p: r.result["model"]["version"] for p, r in zip(players, replies, strict=True)}

    few, again, many = await met(20), await met(20), await met(60)
    assert few == again
    assert 2 <= list(few.values()).count("2") <= 24
    assert {p for p, v in few.items() if v == "2"} <= {p for p, v in many.items() if v == "2"}
    requested = [e for e in await stage.events() if isinstance(e, InferenceRequested)]
    assert {e.route_reason.split(" of ")[0] for e in requested[-60:]} == {
        "lamplight 1 has 40 %",
        "lamplight 2 has 60 %",
    }


# --- answers that are given again -------------------------------------------------------------------


async def test_the_same_question_at_the_same_time_is_asked_once(stage: Stage) -> None:
    await stage.register(configuration={"cost_micro_per_1k_tokens": 1_000.0})
    stage.engine.go.clear()
    service = stage.service()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(service(ask(temperature=0))) for _ in range(5)]
        tasks += [group.create_task(service(ask()))]
        await until(lambda: len(stage.engine.prompts) == 2 and service.answers.joined == 4)
        stage.engine.go.set()

    assert {task.result().result["text"] for task in tasks} == {"WHO GOES THERE"}
    completed = [e for e in await stage.events() if isinstance(e, InferenceCompleted)]
    assert len(completed) == 6
    sources = {e.source_inference_id for e in completed}
    assert len(sources - {None}) == 1, "four name the one that was asked"
    assert [e.cost_micro > 0 for e in completed] == [e.source_inference_id is None for e in completed]


async def test_who_shares_goes_on_alone_when_the_first_is_cancelled(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    service = stage.service()
    first = ask(temperature=0, name="q")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(service(first))
        await until(lambda: len(stage.engine.prompts) == 1)
        other = group.create_task(service(ask(temperature=0)))
        await until(lambda: service.answers.joined == 1)
        service.cancel(first.id.hex, first.meta.actor)
        await until(lambda: len(stage.engine.prompts) == 2)
        stage.engine.go.set()

    assert task.result().result["finish_reason"] == "cancelled"
    assert other.result().result["text"] == "WHO GOES THERE"


async def test_when_the_first_leaves_only_one_of_those_who_listen_asks_anew(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    service = stage.service()
    first = ask(temperature=0)
    async with asyncio.TaskGroup() as group:
        group.create_task(service(first))
        await until(lambda: len(stage.engine.prompts) == 1)
        others = [group.create_task(service(ask(temperature=0))) for _ in range(5)]
        await until(lambda: service.answers.joined == 5)
        service.cancel(first.id.hex, first.meta.actor)
        await until(lambda: service.answers.joined == 9)
        stage.engine.go.set()

    assert {other.result().result["text"] for other in others} == {"WHO GOES THERE"}
    assert len(stage.engine.prompts) == 2


async def test_when_the_first_leaves_in_the_middle_one_goes_on_for_all_who_heard_as_much(
    stage: Stage,
) -> None:
    """The scar: each of them went on alone: one cancellation made as many requests as there were players."""
    await stage.register()
    stage.engine = Halting()
    stage.engine.go.clear()
    service = stage.service()
    first = ask(temperature=0)
    async with asyncio.TaskGroup() as group:
        group.create_task(service(first))
        await until(lambda: stage.engine.prompts)
        others = [group.create_task(service(ask(temperature=0))) for _ in range(5)]
        await until(lambda: service.answers.joined == 5)
        service.cancel(first.id.hex, first.meta.actor)
        await until(lambda: service.answers.joined == 9)
        stage.engine.go.set()

    assert len(stage.engine.prompts) == 2
    assert {other.result().result["text"] for other in others} == {"WHO GOES"}
    completed = [event for event in await stage.events() if isinstance(event, InferenceCompleted)]
    assert sum(event.source_inference_id is None for event in completed) == 1


async def test_who_shares_and_is_late_says_the_authored_line(stage: Stage) -> None:
    await stage.register()
    stage.engine.go.clear()
    service = stage.service()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(service(ask(temperature=0)))
        await until(lambda: stage.engine.prompts)
        late = await service(ask(temperature=0, authored_line="Not now.", deadline_ms=20))
        stage.engine.go.set()
    assert (late.result["text"], late.result["finish_reason"]) == ("Not now.", "authored")
    assert first.result().result["finish_reason"] == "stop"


async def test_who_shares_and_is_late_is_recorded_with_their_own_times_and_whose_answer_it_was(
    stage: Stage,
) -> None:
    """No engine was asked for them, so the gate must not count it as one's fault."""
    await stage.register()
    stage.engine = Halting()
    stage.engine.go.clear()
    service = stage.service()
    async with asyncio.TaskGroup() as group:
        group.create_task(service(ask(temperature=0, name="q")))
        await until(lambda: stage.engine.prompts)
        late = await service(ask(temperature=0, deadline_ms=500))
        stage.engine.go.set()

    assert (late.result["text"], late.result["finish_reason"]) == ("WHO", "cut")
    assert late.result["served"]["repeats"] == message("", {}, name="q").id.hex
    assert late.result["served"]["attempts"] == 0
    assert late.result["latency_ms"] >= 19
    assert 0 <= late.result["ttft_ms"] < late.result["latency_ms"]


class Halting(EchoEngine):
    """Says one word, and the rest once it is told to go on."""

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        self.prompts.append(ask.prompt)
        if not ask.sent:
            yield Piece("WHO")
        await self.go.wait()
        yield Piece(" GOES")
        yield End("stop", 2, 2)


async def test_an_authored_line_is_never_given_to_somebody_else(stage: Stage) -> None:
    await stage.register()
    stage.engine.failure = "out of memory"
    service = stage.service()
    lines = [
        (await service(ask(temperature=0, authored_line=line, max_age_s=60))).result["text"]
        for line in ("Not now.", "Later.")
    ]
    assert lines == ["Not now.", "Later."]


async def test_an_answer_is_given_again_only_to_who_agrees_and_while_it_is_young(stage: Stage) -> None:
    await stage.register()
    now = [0.0]
    tier = Tier(engines=(stage.engine,))
    router = Router({"gold": tier}, clock=lambda: now[0], draw=lambda: 0.0)
    service = InferenceService(records_on(stage.spool, stage.log, stage.codec), stage.view, router)

    async def asked(**changes: Any) -> str | None:
        reply = await service(ask(**changes))
        source: str | None = reply.result["served"]["repeats"]
        return source

    assert await asked() is None
    now[0] = 20.0
    assert await asked() is None, "not without the caller's word"
    assert await asked(max_age_s=30) is not None
    assert await asked(max_age_s=30, max_tokens=9) is None, "another question"
    now[0] = 60.0
    assert await asked(max_age_s=30) is None, "too old"
    assert len(stage.engine.prompts) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"model_id": "01906f2e-0d7e-7a53-8f2e-3d8a51c0a0ff"},
        {"artefacts_digest": "sha256:" + "0" * 64},
        {"adapter": "tavern"},
        {"prompt_hash": "sha256:" + "1" * 64},
        {"tier": "silver"},
        {"max_tokens": 7},
        {"temperature": 0.1},
        {"pattern": "aye|nay"},
        {"seed": 8},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_may_change_an_answer_makes_it_another_question(other: dict[str, Any]) -> None:
    asked = InferenceRequested.from_example().model_copy(update={"temperature": 0.7, "seed": 7})
    assert key_of(asked.model_copy(update=other)) != key_of(asked)


def test_who_takes_an_older_answer_takes_any_seed_and_the_likeliest_words_have_none() -> None:
    asked = InferenceRequested.from_example().model_copy(update={"temperature": 0.7, "max_age_s": 60})
    greedy = asked.model_copy(update={"temperature": 0.0, "max_age_s": 0})
    for one in (asked, greedy):
        assert key_of(one.model_copy(update={"seed": 8})) == key_of(one.model_copy(update={"seed": 9}))


@pytest.mark.parametrize(("reason", "again"), [("stop", True), ("length", True), ("cut", False)])
def test_only_an_answer_that_ended_by_itself_is_kept(reason: str, again: bool) -> None:
    asked = InferenceRequested.from_example().model_copy(update={"max_age_s": 60})
    answers = Answers(lambda: 0.0)
    said = RecordCompletion.model_validate(RecordCompletion.example).model_copy(
        update={"finish_reason": reason, "served_tier": asked.tier}
    )
    answers.end(asked, answers.begin(asked, ""), said)
    assert (answers.kept(asked) is not None) == again


def test_memory_of_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.inference.answers.KEPT_MAX", 2)
    answers = Answers(lambda: 0.0)
    asked = [
        InferenceRequested.from_example().model_copy(update={"max_age_s": 60, "max_tokens": n})
        for n in (1, 2, 3)
    ]
    for each in asked:
        said = RecordCompletion.model_validate(RecordCompletion.example).model_copy(
            update={"finish_reason": "stop", "served_tier": each.tier}
        )
        answers.end(each, answers.begin(each, ""), said)
    assert [answers.kept(each) is not None for each in asked] == [False, True, True]


async def test_the_rest_of_an_answer_is_shared_with_nobody(stage: Stage) -> None:
    """Who goes on after the first one's words gives only what follows them."""
    await stage.register()
    stage.engine = Halting()
    stage.engine.go.clear()
    service = stage.service()
    first = ask(temperature=0)
    async with asyncio.TaskGroup() as group:
        group.create_task(service(first))
        await until(lambda: len(stage.engine.prompts) == 1)
        group.create_task(service(ask(temperature=0)))
        await until(lambda: service.answers.joined == 1)
        service.cancel(first.id.hex, first.meta.actor)
        await until(lambda: len(stage.engine.prompts) == 2)
        late = group.create_task(service(ask(temperature=0)))
        await until(lambda: len(stage.engine.prompts) == 3)
        stage.engine.go.set()
    assert late.result().result["text"] == "WHO GOES"


async def test_what_another_tier_said_in_an_emergency_is_not_said_again(stage: Stage) -> None:
    await stage.register()
    below = EchoEngine()
    below.name = "below"
    tiers = {"gold": Tier(engines=(stage.engine,), below="silver"), "silver": Tier(engines=(below,))}
    router = Router(tiers, clock=asyncio.get_running_loop().time, draw=lambda: 0.0)
    service = InferenceService(records_on(stage.spool, stage.log, stage.codec), stage.view, router)

    stage.engine.failure = "down"
    assert (await service(ask(max_age_s=60))).result["served"]["tier"] == "silver"
    stage.engine.failure = ""
    served = (await service(ask(max_age_s=60))).result["served"]
    assert (served["tier"], served["repeats"]) == ("gold", None)


async def test_a_new_model_never_gives_the_old_ones_answer(stage: Stage) -> None:
    await stage.register()
    service = stage.service()
    await service(ask(max_age_s=60))
    second = (await stage.register(version="2")).result["model_id"]
    words = {
        "use_case": "npc_dialogue",
        "model_id": second,
        "operator": "mira",
        "reason": "better",
        "override": "x",
    }
    reply = await stage.runner(message("registry.promote_model", words))
    await stage.view.reached(reply.events[-1].position)
    assert (await service(ask(max_age_s=60))).result["served"]["repeats"] is None


# --- refusals in numbers, ratings -------------------------------------------------------------------


async def test_a_flood_of_nonsense_is_counted_not_recorded_one_by_one(stage: Stage) -> None:
    service = stage.service()
    for _ in range(600):
        with pytest.raises(Rejected):
            await service(ask(max_tokens=-1))
    assert len(await stage.codes()) == 500


async def test_an_answer_can_be_rated_and_the_newest_rating_counts(stage: Stage) -> None:
    await stage.register()
    reply = await stage.service()(ask())
    await stage.events()
    for rating in (0.2, 0.9, 0.9):
        words = {"inference_id": reply.result["inference_id"], "rating": rating, "by": "mira"}
        rated = await stage.runner(message("inference.rate", words))
    assert rated.result["rating"] == 0.9
    assert [e.rating for e in await stage.events() if isinstance(e, InferenceRated)] == [0.2, 0.9]
    with pytest.raises(Rejected) as refusal:
        await stage.runner(message("inference.rate", {**words, "inference_id": "0" * 32}))
    assert refusal.value.code == "inference_not_found"


async def test_a_route_says_that_the_log_is_away_and_goes_on(stage: Stage) -> None:
    await stage.register()
    stage.log.reachable = False
    assert (await stage.service()(ask())).result["text"]
    stage.log.reachable = True
    assert (await stage.service()(ask())).result["text"]
    reasons = [e.route_reason for e in await stage.events() if isinstance(e, InferenceRequested)]
    assert "as of position 2 because the log is away" in reasons[0]
    assert "away" not in reasons[1]
