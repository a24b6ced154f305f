"""What a router makes of an engine's end or fault: whose it is, who is asked next, and what is booked."""

import asyncio

import pytest
from structlog.testing import capture_logs

from aicore.doctor.services import tier_findings
from domain.routing.health import CLOSED, FAILURES_MAX, OPEN_MS_MOST
from handlers.engines.port import End, EngineAsk, EngineError, EngineFault, Piece
from handlers.routing.router import Router
from handlers.routing.tier_board import TierBoard
from handlers.routing.turns import NoEngine, Tier
from tests.unit.routing.kit import WORDS, Says, Scripted, router, served, turn


def says(name: str, *pieces: Piece, end: End | None = None, error: Exception | None = None) -> Says:
    engine = Says(name)
    engine.pieces, engine.end, engine.error = pieces, end or End("stop", 3, len(pieces)), error
    return engine


FILTERED = End("filtered", 7, 2)
REFUSED = EngineError("the words are refused", "content_filtered")


@pytest.mark.parametrize("error", [None, REFUSED])
async def test_what_a_providers_filter_stops_is_asked_of_nobody_else(error: EngineError | None) -> None:
    """The scar: it was asked three times, paid for, and silenced everybody."""
    first, second = says("a", end=FILTERED, error=error), Scripted("b")
    routes = router(first, second)
    for _ in range(FAILURES_MAX + 1):
        text, routed = await served(routes, turn(authored="Not now."))
        assert (text, routed.text, routed.finish_reason) == ("Not now.", "Not now.", "filtered")
        assert [attempt.fault for attempt in routed.attempts] == ["content_filtered"]
        assert routed.engine == "a"
        assert routed.reason
    assert second.asks == []
    assert routes.views()["a"].breaker == CLOSED
    assert routes.engine_states()["a"].failed["gold"] == 0


@pytest.mark.parametrize("error", [None, REFUSED])
async def test_without_an_authored_line_the_outcome_says_whose_filter_it_was(
    error: EngineError | None,
) -> None:
    with pytest.raises(EngineError, match=r"filter|refused") as fault:
        await served(router(says("a", end=FILTERED, error=error), Scripted("b")), turn())
    assert (fault.value.code, fault.value.retriable) == ("content_filtered", False)


@pytest.mark.parametrize("error", [None, REFUSED])
async def test_what_was_said_before_the_filter_stands(error: EngineError | None) -> None:
    engine = says("a", Piece("the"), Piece(" ferry"), end=FILTERED, error=error)
    text, routed = await served(router(engine, Scripted("b")), turn(authored="Not now."))
    assert (text, routed.text, routed.finish_reason) == ("the ferry", "the ferry", "filtered")


async def test_a_prompt_that_is_too_long_for_one_engine_may_fit_into_another() -> None:
    fault = EngineError("300 tokens", "prompt_too_long")
    small = Scripted("a", fails_at=0, fault=fault)
    routes = router(small, Scripted("b"))
    assert (await served(routes, turn()))[1].engine == "b"
    assert routes.views()["a"].breaker == CLOSED
    with pytest.raises(EngineError, match="300 tokens"):
        await served(router(small), turn())


@pytest.mark.parametrize("code", ["prompt_too_long", "invalid_request", "unsupported"])
async def test_what_was_given_is_not_lost_for_an_engine_that_cannot_go_on(code: EngineFault) -> None:
    """The scar: half a line was said, and then the turn failed because a small engine took over."""
    unable = Scripted("b", fails_at=0, fault=EngineError("no", code))
    text, routed = await served(router(Scripted("a", fails_at=2), unable, Scripted("c")), turn())
    assert (text, routed.engine) == (" ".join(WORDS), "c")
    text, routed = await served(router(Scripted("a", fails_at=2), unable, patience_s=0.0), turn())
    assert (text, routed.finish_reason) == ("the ferry", "cut")


async def test_a_turn_waits_for_an_engine_that_is_away_although_another_one_cannot_do_it() -> None:
    """The scar: with a chat beside it that could not go on, nobody waited for the engine to come back."""
    first = Scripted("a", fails_at=2)
    unable = Scripted("b", fails_at=0, fault=EngineError("it only chats", "unsupported"))

    async def mend() -> None:
        while not unable.asks:  # noqa: ASYNC110 - a test's own engine tells nobody
            await asyncio.sleep(0)
        first.fails_at = None

    async with asyncio.TaskGroup() as group:
        group.create_task(mend())
        text, routed = await served(router(first, unable, patience_s=2.0), turn())
    assert (text, routed.finish_reason) == (" ".join(WORDS), "stop")
    assert len(unable.asks) == 1, "what it cannot do it is asked once"


@pytest.mark.parametrize("code", ["engine_denied", "engine_misconfigured"])
async def test_settings_that_a_server_refuses_are_told_once_and_left_alone_at_once(code: EngineFault) -> None:
    fault = EngineError("a: HTTP 401: bad key (see api_key_env)", code)
    refused = Scripted("a", fails_at=0, fault=fault)
    now = [0.0]
    tiers = {"gold": Tier(engines=[refused, Scripted("b")])}
    routes = Router(tiers, clock=lambda: now[0], draw=lambda: 0.0)
    with capture_logs() as logs:
        for _ in range(5):
            assert (await served(routes, turn()))[1].engine == "b"
        now[0] += OPEN_MS_MOST
        await served(routes, turn())
    assert len(refused.asks) == 2, "once, and once again when its time was over"
    loud = [each for each in logs if each["log_level"] == "error"]
    assert [(each["engine"], each["code"]) for each in loud] == [("a", code)]
    assert "api_key_env" in loud[0]["detail"]
    [tier], _ = await TierBoard(routes).answer({})
    told = tier["engines"][0]["settings_fault"]
    assert told == f"{code}: {fault}", "doctor shows it as long as it holds, also while nobody asks"
    [check] = tier_findings(tier, [tier])
    assert (check.verdict, told in check.fact) == ("warning", True)
    now[0], refused.fails_at = now[0] + 2 * OPEN_MS_MOST, None
    await served(routes, turn())
    [tier], _ = await TierBoard(routes).answer({})
    assert tier_findings(tier, [tier]) == []


async def test_an_engine_is_left_alone_for_as_long_as_it_asks_for() -> None:
    busy = Scripted("a", fails_at=0, fault=EngineError("429", "engine_overloaded", retry_after_s=7.0))
    now = [0.0]
    tiers = {"gold": Tier(engines=[busy], patience_s=0.0)}
    routes = Router(tiers, clock=lambda: now[0], draw=lambda: 0.0)
    for now[0] in (0.0, 3.0, 6.9, 7.0):
        with pytest.raises(NoEngine) as refusal:
            await served(routes, turn())
        assert refusal.value.retry_after_ms >= 1
    assert len(busy.asks) == 2
    assert (refused := routes.refusal(turn())) is not None
    assert refused.retry_after_ms == 7_000, "the next one is told, too"


async def test_what_a_provider_bills_is_booked_and_not_the_pieces() -> None:
    """The scar: two pieces were booked where 500 tokens were reported."""
    engine = says("a", Piece("the"), Piece(" ferry"), end=End("stop", 40, 500))
    _, routed = await served(router(engine), turn())
    assert (routed.prompt_tokens, routed.completion_tokens, routed.estimated) == (40, 500, False)


@pytest.mark.parametrize(
    ("end", "tokens", "estimated"),
    [
        (End("stop", 3, 2, estimated=True), 2, True),
        (End("stop", 3, 0), 2, True),
        (End("stop", 3, 9), 9, False),
    ],
)
async def test_what_nobody_told_is_an_estimate(end: End, tokens: int, estimated: bool) -> None:
    _, routed = await served(router(says("a", Piece("the"), Piece(" ferry"), end=end)), turn())
    assert (routed.completion_tokens, routed.estimated) == (tokens, estimated)


async def test_an_engine_that_broke_off_told_nothing_and_its_pieces_count() -> None:
    rest = says("b", Piece(" leaves"), end=End("stop", 40, 100))
    _, routed = await served(router(Scripted("a", fails_at=2), rest), turn())
    assert (routed.completion_tokens, routed.estimated) == (102, True)
    text, routed = await served(router(Scripted("a", fails_at=2), patience_s=0.0), turn(authored="Not now."))
    assert (text, routed.completion_tokens, routed.estimated) == ("the ferry", 2, True)
    assert routed.prompt_tokens > 0, "the prompt was read, and is billed"


async def test_an_engine_that_is_stopped_at_the_limit_told_nothing() -> None:
    endless = says("a", *[Piece("on ")] * 50)
    _, routed = await served(router(endless), turn(ask=EngineAsk(prompt="when?", max_tokens=4)))
    assert (routed.completion_tokens, routed.estimated) == (4, True)
    assert routed.prompt_tokens > 0


@pytest.mark.parametrize(
    "fault",
    [
        EngineError("429", "engine_overloaded", retry_after_s=7.0),
        EngineError("401", "engine_denied"),
    ],
)
async def test_who_asked_to_be_left_alone_is_not_pressed_by_turns_that_wait(fault: EngineError) -> None:
    """The scar: a waiting turn asked the only engine again every 20 ms, for three seconds."""
    busy = Scripted("a", fails_at=2, fault=fault)
    began = asyncio.get_running_loop().time()
    text, routed = await served(router(busy, patience_s=3.0), turn())
    assert (text, routed.finish_reason) == ("the ferry", "cut")
    assert len(busy.asks) == 1
    assert asyncio.get_running_loop().time() - began < 1.0, "nobody waits in vain"


async def test_who_asked_for_a_moment_is_waited_for() -> None:
    busy = Scripted("a", fails_at=2, fault=EngineError("429", "engine_overloaded", retry_after_s=0.6))

    async def mend() -> None:
        while not busy.asks:  # noqa: ASYNC110 - a test's own engine tells nobody
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        busy.fails_at = None

    async with asyncio.TaskGroup() as group:
        group.create_task(mend())
        text, _ = await served(router(busy, patience_s=3.0), turn())
    assert text == " ".join(WORDS)
    assert len(busy.asks) == 2
