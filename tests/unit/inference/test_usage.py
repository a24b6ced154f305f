"""What an answer took and how it ended: recorded as the provider told it, charged to who asked."""

from typing import Any

import pytest

from domain.inference.messages import InferenceCompleted, InferenceFailed, InferenceFellBack
from domain.kernel.decider import Rejected
from handlers.engines.port import End, Message, Piece
from handlers.inference.admission import AllowanceLimits, Allowances, OverAllowance
from handlers.inference.service import InferenceService
from tests.unit.inference.kit import Stage, ask, stage
from tests.unit.kit import message
from tests.unit.routing.kit import Says

__all__ = ["stage"]

PRICED = {"configuration": {"cost_micro_per_1k_tokens": 1_000}}


def with_engine(stage: Stage, *pieces: Piece, end: End, **options: Any) -> InferenceService:
    engine = Says("echo", provider="echo")
    engine.pieces, engine.end = pieces, end
    stage.engine = engine  # type: ignore[assignment]  # another one of the same port
    return stage.service(**options)


async def test_the_cost_is_of_what_the_provider_bills(stage: Stage) -> None:
    """The scar: two pieces were booked where 500 tokens were reported."""
    await stage.register(**PRICED)
    service = with_engine(stage, Piece("Hello "), Piece("there."), end=End("stop", 40, 500))
    reply = await service(ask())
    told = {"prompt_tokens": 40, "completion_tokens": 500, "cost_micro": 540, "estimated": False}
    assert reply.result["usage"] == told
    completed = (await stage.events())[-1]
    assert (completed.completion_tokens, completed.cost_micro, completed.usage_estimated) == (500, 540, False)


async def test_without_the_providers_count_the_record_says_that_it_is_an_estimate(stage: Stage) -> None:
    await stage.register(**PRICED)
    service = with_engine(stage, Piece("Hello "), Piece("there."), end=End("stop", 7, 2, estimated=True))
    assert (await service(ask())).result["usage"]["estimated"]
    assert (await stage.events())[-1].usage_estimated


async def test_a_player_is_charged_for_what_was_generated(stage: Stage) -> None:
    await stage.register()
    now = [0.0]
    limits = AllowanceLimits(player_requests=0, player_tokens=50.0, service_requests=0)
    allowances = Allowances(limits, clock=lambda: now[0])
    service = with_engine(stage, Piece("Aye."), end=End("stop", 4, 500), allowances=allowances)
    await service(ask(player="ann", max_tokens=20))
    with pytest.raises(OverAllowance) as refused:
        await service(ask("and then?", player="ann", max_tokens=20))
    assert refused.value.retry_after_ms == 6_400, "200 at once, 500 used, 50 a second, 20 wanted"
    await service(ask("and I?", player="bea", max_tokens=20))
    now[0] = 6.4
    assert await service(ask("and then?", player="ann", max_tokens=20))


async def test_what_a_providers_filter_stopped_is_recorded_as_that(stage: Stage) -> None:
    await stage.register()
    service = with_engine(stage, Piece("Hello "), end=End("filtered", 7, 1))
    reply = await service(ask())
    assert (reply.result["text"], reply.result["finish_reason"]) == ("Hello ", "filtered")
    _, fell_back, completed = await stage.events()
    assert isinstance(fell_back, InferenceFellBack)
    assert (fell_back.kind, fell_back.engine) == ("filtered", "echo")
    assert fell_back.reason == "echo: content_filtered after 1 tokens"
    assert isinstance(completed, InferenceCompleted)
    assert completed.counts_as == "blocked", "no word against who served it"


async def test_a_line_that_the_filter_stopped_at_once_is_the_characters_own(stage: Stage) -> None:
    await stage.register()
    given: list[str] = []

    async def give(_: int, text: str) -> None:
        given.append(text)

    service = with_engine(stage, end=End("filtered", 7, 0))
    reply = await service(ask(authored_line="Not now."), give=give)
    assert (reply.result["text"], reply.result["finish_reason"]) == ("Not now.", "filtered")
    assert given == ["Not now."], "who listens to the pieces hears it, too"
    with pytest.raises(Rejected, match="content_filtered"):
        await service(ask())
    failed = (await stage.events())[-1]
    assert isinstance(failed, InferenceFailed)
    assert (failed.code, failed.counts_as) == ("content_filtered", None)


async def test_a_templates_roles_reach_the_engine_and_the_record(stage: Stage) -> None:
    template = {
        "name": "harbour", "version": "1", "separator": "\n", "budget": 400, "operator": "mira",
        "sections": [
            {"name": "npc", "text": "You are {value}.", "role": "system"},
            {"name": "lore", "text": "It is true that {value}.", "cut": 2},
            {"name": "prompt", "text": "{value}", "role": "user"},
        ],
    }  # fmt: skip
    await stage.runner(message("prompts.register_template", template))
    await stage.register(configuration={"template": "harbour@1"})
    service = with_engine(stage, Piece("Aye."), end=End("stop", 4, 1))
    await service(ask("Who goes there?", context={"npc": "Wen", "lore": ["it rains"]}))
    asked = stage.engine.asks[0]  # type: ignore[attr-defined]  # of the other engine
    assert asked.messages == (
        Message("system", "You are Wen.\nIt is true that it rains."),
        Message("user", "Who goes there?"),
    )
    assert asked.prompt == "You are Wen.\nIt is true that it rains.\nWho goes there?"
    requested = (await stage.events())[0]
    assert [(each.role, each.characters) for each in requested.roles] == [("system", 39), ("user", 15)]
