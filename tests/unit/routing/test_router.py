"""The router with engines that do as they are told: a turn is served whatever they do."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from domain.routing.choice import Objective
from domain.routing.health import CLOSED, FAILURES_MAX, OPEN_MS_FIRST, Breaker, Pace
from domain.routing.messages import EngineStateChanged
from handlers.engines.port import End, EngineAsk, EngineError, Health, Piece
from handlers.routing.router import HEDGE_SHARE, HEDGES_AT_ONCE, Router
from handlers.routing.runs import ANSWER_CHARACTERS_MAX
from handlers.routing.tier_board import TierBoard
from handlers.routing.turns import DeadlineExceeded, NoEngine, Tier
from tests.unit.kit import until
from tests.unit.routing.kit import WORDS, Says, Scripted, router, served, turn


async def test_a_turn_is_streamed_and_told() -> None:
    text, routed = await served(router(Scripted("a")), turn())
    assert text == routed.text == " ".join(WORDS)
    assert (routed.engine, routed.finish_reason, routed.completion_tokens) == ("a", "stop", len(WORDS))
    assert [attempt.fault for attempt in routed.attempts] == [""]


async def test_max_tokens_ends_an_answer() -> None:
    text, routed = await served(router(Scripted("a")), turn(ask=EngineAsk(prompt="when?", max_tokens=3)))
    assert (text, routed.finish_reason) == ("the ferry leaves", "length")


@pytest.mark.parametrize("at", range(len(WORDS)))
@pytest.mark.parametrize("how", ["fails_at", "stalls_at"])
async def test_another_engine_goes_on_wherever_the_first_one_ends(how: str, at: int) -> None:
    first, second = Scripted("a", **{how: at}), Scripted("b")  # type: ignore[arg-type]  # a number for either
    text, routed = await served(router(first, second, first_token_s=0.02, between_tokens_s=0.02), turn())
    assert text == routed.text == " ".join(WORDS)
    assert second.asks[0].sent == " ".join(WORDS[:at])
    assert second.asks[0].max_tokens == 20 - at
    assert [(a.engine, bool(a.fault), a.tokens) for a in routed.attempts] == [
        ("a", True, at),
        ("b", False, len(WORDS) - at),
    ]
    assert first.open == second.open == 0


async def test_the_tier_below_takes_over() -> None:
    text, routed = await served(router(Scripted("a", fails_at=2), below=[Scripted("c")]), turn())
    assert text == " ".join(WORDS)
    assert (routed.tier, routed.engine) == ("silver", "c")


async def test_the_authored_line_is_the_last_resort() -> None:
    asked = turn(authored="Not now. Come back when the fog lifts.")
    text, routed = await served(router(Scripted("a", fails_at=0)), asked)
    assert (text, routed.text, routed.finish_reason) == ("", asked.authored, "authored")


async def test_after_some_words_an_answer_that_nobody_can_finish_is_cut() -> None:
    text, routed = await served(router(Scripted("a", fails_at=2), patience_s=0.0), turn(authored="Not now."))
    assert (text, routed.text, routed.finish_reason) == ("the ferry", "the ferry", "cut")


async def test_without_an_authored_line_the_turn_is_refused_with_a_time() -> None:
    with pytest.raises(NoEngine) as refused:
        await served(router(Scripted("a", fails_at=0), patience_s=0.05), turn())
    assert refused.value.retry_after_ms >= 1


async def test_a_fault_of_the_request_is_told_and_held_against_nobody() -> None:
    fault = EngineError("max_tokens is 0", "invalid_request")
    routes = router(Scripted("a", fails_at=0, fault=fault), Scripted("b"))
    with pytest.raises(EngineError, match="max_tokens is 0"):
        await served(routes, turn(authored="Not now."))
    assert routes.views()["a"].breaker.failures == 0


async def test_what_one_engine_cannot_do_another_one_may() -> None:
    other = Scripted("a", fails_at=0, fault=EngineError("no adapters", "unknown_adapter"))
    text, routed = await served(router(other, Scripted("b")), turn())
    assert (text, routed.engine) == (" ".join(WORDS), "b")
    with pytest.raises(EngineError, match="no adapters"):
        await served(router(other), turn())


async def test_a_second_engine_is_asked_when_the_first_is_slow() -> None:
    slow, quick = Scripted("a", stalls_at=0), Scripted("b")
    text, routed = await served(router(slow, quick, hedge_after_ms=5.0), turn())
    assert (text, routed.engine) == (" ".join(WORDS), "b")
    assert {(a.engine, a.fault) for a in routed.attempts} == {("b", ""), ("a", "hedged")}
    assert slow.open == 0


async def test_when_all_engines_are_slow_few_turns_ask_two() -> None:
    """The scar: each did, so whatever made them slow had twice the work."""

    class Slow(Scripted):
        async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
            await asyncio.sleep(0.005)
            async with aclosing(super().stream(ask)) as items:
                async for item in items:
                    yield item

    slow = [Slow("a", capacity=99), Slow("b", capacity=99)]
    routing = router(*slow, hedge_after_ms=0.01)
    turns = 60
    found = [(await served(routing, turn()))[1] for _ in range(turns)]
    asked = sum(len(each.attempts) for each in found)
    assert turns < asked <= turns + HEDGES_AT_ONCE + turns * HEDGE_SHARE

    routing.engine_states()["b"].active = routing.engine_states()["a"].active = 99
    routing._hedges["gold"] = HEDGES_AT_ONCE
    assert (
        routing._hedge("gold", routing.engine_states()["b"], lambda _: pytest.fail("it has no room")) is None
    )


async def test_the_deadline_ends_the_turn_in_the_engine() -> None:
    slow = Scripted("a", stalls_at=0)
    with pytest.raises(DeadlineExceeded):
        await served(router(slow), turn(deadline=_soon()))
    assert slow.open == 0


async def test_after_the_deadline_the_authored_line_is_said() -> None:
    for late in (_soon(), asyncio.get_running_loop().time() - 1):  # in the engine, and before one was asked
        slow = Scripted("a", stalls_at=0)
        text, routed = await served(router(slow), turn(deadline=late, authored="Not now."))
        assert (text, routed.text, routed.finish_reason) == ("", "Not now.", "authored")
        assert "the deadline passed" in routed.reason
        assert slow.open == 0


async def test_what_was_said_before_the_deadline_stands() -> None:
    for authored in ("", "Not now."):
        asked = turn(deadline=_soon(), authored=authored)
        text, routed = await served(router(Scripted("a", stalls_at=2)), asked)
        assert (text, routed.text, routed.finish_reason) == ("the ferry", "the ferry", "cut")
        assert "the deadline passed" in routed.reason


def _soon() -> float:
    return asyncio.get_running_loop().time() + 0.02


async def test_closing_the_stream_cancels_in_the_engine() -> None:
    engine = Scripted("a")
    routes = router(engine)
    async with aclosing(routes.stream(turn())) as items:
        await anext(items)
        assert (engine.open, routes.views()["a"].active) == (1, 1)
    assert (engine.open, routes.views()["a"].active) == (0, 0)
    assert routes.views()["a"].breaker.failures == 0


async def test_a_broken_engine_is_left_alone_until_its_probe_succeeds() -> None:
    broken, sound = Scripted("a", fails_at=0), Scripted("b")
    routes = router(broken, sound)
    for _ in range(6):
        await served(routes, turn())
    assert len(broken.asks) == 3
    assert routes.views()["a"].breaker.open_ms


async def test_the_board_counts_what_an_engine_did_for_each_tier() -> None:
    """The scar: one engine behind two tiers showed gold's answers as bronze's."""
    engine = Scripted("a")
    tiers = {"gold": Tier(engines=[engine]), "bronze": Tier(engines=[engine], patience_s=0)}
    routing = Router(tiers, clock=asyncio.get_running_loop().time, draw=lambda: 0.0)
    await served(routing, turn())
    engine.fails_at = 0
    with pytest.raises(NoEngine):
        await served(routing, turn(tier="bronze"))
    shown, _ = await TierBoard(routing).answer({})
    assert [
        (tier["tier"], tier["engines"][0]["answered"], tier["engines"][0]["failed"]) for tier in shown
    ] == [
        ("gold", 1, 0),
        ("bronze", 0, 1),
    ]


async def test_full_engines_refuse_at_once() -> None:
    engine = Scripted("a", capacity=1, stalls_at=1)
    routes = router(engine, objective=Objective(waiting_max=0))
    async with aclosing(routes.stream(turn())) as items:
        await anext(items)
        with pytest.raises(NoEngine, match="1 turns are there"):
            await served(routes, turn())


async def test_who_refuses_because_engines_are_away_says_so_and_when_they_are_probed() -> None:
    now = [0.0]
    engine, below = Scripted("a", fails_at=0), Scripted("c")
    tiers = {"gold": Tier(engines=[engine], below="silver", patience_s=0), "silver": Tier(engines=[below])}
    routing = Router(tiers, clock=lambda: now[0], draw=lambda: 0.0)
    assert routing.refusal(turn()) is None
    for engine_state in routing.engine_states().values():
        engine_state.ok, engine_state.reason = False, "nobody answers there"
    refusal = routing.refusal(turn())
    assert refusal is not None
    assert (refusal.away, refusal.retry_after_ms) == (True, 1_000)
    assert str(refusal) == "a: unhealthy: nobody answers there; c: unhealthy: nobody answers there"

    routing.engine_states()["c"].breaker = Breaker(9, 7_000.0, 4_000.0)
    routing.engine_states()["a"].breaker = Breaker(9, 5_000.0, 4_000.0)
    assert (refusal := routing.refusal(turn())) is not None
    assert refusal.retry_after_ms == 5_000, "until then nobody is let through"

    now[0] = 100.0
    routing.engine_states()["a"].breaker = Breaker(9, 5_000.0, 4_000.0, probing=True)
    assert (refusal := routing.refusal(turn())) is not None
    assert refusal.retry_after_ms == 1_000, "a probe is under way, and it is unhealthy"

    engine_state = routing.engine_states()["c"]
    engine_state.ok, engine_state.breaker, engine_state.active = (
        True,
        CLOSED,
        engine_state.engine.capacity + 64,
    )
    assert (refusal := routing.refusal(turn())) is not None
    assert not refusal.away, "the tier below is there, and full"


@dataclass
class OneByOne(Scripted):
    """Takes 100 ms of the test's clock for a token, and works on one turn at a time."""

    now: list[float] = field(default_factory=lambda: [0.0])
    place: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        async with self.place, aclosing(super().stream(ask)) as items:
            async for item in items:
                self.now[0] += 0.1 if isinstance(item, Piece) else 0.0
                yield item


async def test_how_long_a_turn_waited_does_not_count_as_how_long_it_takes() -> None:
    """The scar: after 200 questions at once they were told to come again in 10 s, all was done in 0.7."""
    engine = OneByOne("a", capacity=1)
    routing = Router({"gold": Tier(engines=[engine])}, clock=lambda: engine.now[0], draw=lambda: 0.0)
    await served(routing, turn())
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(served(routing, turn()))
    pace = routing.views()["a"].pace
    assert pace.ttft_ms == pytest.approx(100)
    assert pace.turn_ms == pytest.approx(800)


async def test_who_waits_too_long_behind_others_leaves_without_a_word_against_the_engine() -> None:
    """The scar: under overload the engine's own queue counted as time-outs and opened its circuit."""
    engine = Scripted("a", capacity=1, stalls_at=1)
    tier = Tier(engines=[engine], first_token_s=0.02, patience_s=0)
    routing = Router({"gold": tier}, clock=lambda: 0.0, draw=lambda: 0.0)
    async with aclosing(routing.stream(turn())) as items:
        await anext(items)
        engine.stalls_at, routing.engine_states()["a"].pace = 0, Pace(ttft_ms=1, turn_ms=1)
        for _ in range(FAILURES_MAX):
            with pytest.raises(NoEngine) as refused:
                await served(routing, turn())
            assert refused.value.fault is not None
            assert refused.value.fault.code == "engine_overloaded"
        assert routing.views()["a"].breaker == CLOSED

        routing.engine_states()["a"].heard = -1.0
        with pytest.raises(NoEngine) as refused:
            await served(routing, turn())
        assert refused.value.fault is not None
        assert refused.value.fault.code == "engine_timeout"
        assert routing.views()["a"].breaker.failures == 1, "it gives nobody anything: it stands still"


def test_nobody_is_sent_to_wait_longer_than_a_first_token_may_take() -> None:
    tier = Tier(engines=[Scripted("a", capacity=1)], first_token_s=2)
    routing = Router({"gold": tier}, clock=lambda: 0.0, draw=lambda: 0.0)
    engine_state = routing.engine_states()["a"]
    engine_state.active, engine_state.pace = 4, Pace(ttft_ms=10, turn_ms=400)
    assert routing.refusal(turn()) is None
    engine_state.active = 5
    assert (refusal := routing.refusal(turn())) is not None
    assert "at most 2000 may pass" in str(refusal)


async def test_an_engine_that_goes_away_is_a_warning_once_per_change() -> None:
    engine = Scripted("a")
    health = [Health(False, "http://vllm:8000: nobody answers there")] * 3 + [Health(True)]

    async def probed() -> Health:
        return health.pop(0)

    engine.health = probed  # type: ignore[method-assign]  # does as the test says
    routing = router(engine)
    with capture_logs() as logs:
        for _ in range(4):
            await routing._probe(routing.engine_states()["a"])
    told = [(each["log_level"], each["engine"], each["reason"]) for each in logs]
    assert told == [
        ("warning", "a", "http://vllm:8000: nobody answers there"),
        ("info", "a", "its probe says that it is well"),
    ]


async def test_a_prefix_goes_where_it_was() -> None:
    draws = iter([0.9, 0.0, 0.0, 0.9])
    tiers = {"gold": Tier(engines=[Scripted("a"), Scripted("b")])}
    routes = Router(tiers, clock=asyncio.get_running_loop().time, draw=lambda: next(draws))
    asked = [
        (await served(routes, turn(prefix=prefix)))[1].engine for prefix in ("bram", "bram", "wen", "wen")
    ]
    assert asked == ["b", "b", "a", "a"], "without a memory of it the draw would decide"


async def test_each_tier_and_model_keeps_the_prefix_where_it_has_it() -> None:
    """The scar: one character on two tiers, or with a candidate, lost its engine with every turn."""
    draws = itertools.cycle([0.0, 0.6, 0.6, 0.0, 0.6])
    engines = {name: Scripted(name) for name in "abcd"}
    tiers = {
        "gold": Tier(engines=[engines["a"], engines["b"]]),
        "silver": Tier(engines=[engines["c"], engines["d"]]),
    }
    routing = Router(tiers, clock=asyncio.get_running_loop().time, draw=lambda: next(draws))
    homes: dict[tuple[str, str], set[str]] = {}
    for _ in range(3):
        for tier, model in itertools.product(tiers, ("m@1", "m@2", "")):
            _, routed = await served(routing, turn(tier=tier, model=model, prefix="wen"))
            homes.setdefault((tier, model), set()).add(routed.engine)
    assert [len(engines) for engines in homes.values()] == [1] * 6


async def test_a_stalled_engine_is_left_although_the_deadline_is_far() -> None:
    far = asyncio.get_running_loop().time() + 60
    routes = router(Scripted("a", stalls_at=2), Scripted("b"), first_token_s=0.02, between_tokens_s=0.02)
    text, routed = await served(routes, turn(deadline=far))
    assert text == " ".join(WORDS)
    assert [attempt.fault for attempt in routed.attempts] == ["engine_timeout", ""]


async def test_a_probing_turn_that_is_cancelled_leaves_the_way_to_the_next() -> None:
    engine = Scripted("a", stalls_at=0)
    routes = router(engine)
    engine_state = routes._engine_states["a"]
    engine_state.breaker = Breaker(FAILURES_MAX, retry_at_ms=0.0, open_ms=OPEN_MS_FIRST)
    async with asyncio.TaskGroup() as group:
        probing = group.create_task(served(routes, turn()))
        await until(lambda: engine.open)
        assert not engine_state.breaker.admits(routes.now() * 1e3)
        probing.cancel()
    assert engine_state.breaker.admits(routes.now() * 1e3)


async def test_an_engine_that_is_well_and_fails_all_the_same_stays_left_alone() -> None:
    routes = router(Scripted("a"))
    engine_state = routes._engine_states["a"]
    engine_state.breaker = Breaker(FAILURES_MAX, retry_at_ms=routes.now() * 1e3 + 30_000.0, open_ms=30_000.0)
    await routes._probe(engine_state)
    assert not engine_state.breaker.admits(routes.now() * 1e3)
    engine_state.ok = False
    await routes._probe(engine_state)
    assert engine_state.breaker.admits(routes.now() * 1e3), "it was away and is back"


async def test_changes_of_an_engines_state_are_told_once_each() -> None:
    told: list[EngineStateChanged] = []
    engine, other = Scripted("a", fails_at=0), Scripted("b")
    tiers = {"gold": Tier(engines=[engine, other])}
    now = [0.0]
    routing = Router(tiers, clock=lambda: now[0], draw=lambda: 0.0, on_engine_state=told.append)
    for _ in range(FAILURES_MAX + 2):
        await served(routing, turn())
    assert [(event.engine, event.before, event.after) for event in told] == [("a", "serving", "circuit_open")]
    assert told[0].reason.startswith("engine_unreachable")
    assert told[0].tiers == ["gold"]
    now[0], engine.fails_at = 3_600.0, None
    await served(routing, turn())
    assert [(event.before, event.after) for event in told[1:]] == [("circuit_open", "serving")]


async def test_a_model_goes_to_the_engines_that_serve_it_and_below_to_any() -> None:
    named, other, below = Scripted("a"), Scripted("b"), Scripted("c")
    named.models, other.models, below.models = frozenset({"m"}), frozenset({"n"}), frozenset({"n"})
    routing = router(other, named, below=[below])
    assert (await served(routing, turn(model="m")))[1].engine == "a"
    assert routing.serves("gold", "script", "m")
    assert routing.serves("gold", "script", "n")
    assert not routing.serves("gold", "script", "x")
    named.fails_at = 0
    _, routed = await served(routing, turn(model="m"))
    assert (routed.engine, routed.tier) == ("c", "silver")
    below.models, twin = frozenset({"n"}), Scripted("d")
    twin.models = frozenset({"m"})
    _, routed = await served(router(named, below=[below, twin]), turn(model="m"))
    assert routed.engine == "d", "the same model first, also below"


@pytest.mark.parametrize("at", [0, 3])
async def test_a_turn_waits_while_every_engine_is_away_and_goes_on(at: int) -> None:
    """Both fail at once, before the first token or in the middle; half a second later one is back."""
    first, second = Scripted("a", fails_at=at), Scripted("b", fails_at=0)

    async def mend() -> None:
        while not second.asks:  # noqa: ASYNC110 - a test's own engine tells nobody
            await asyncio.sleep(0)
        first.fails_at = second.fails_at = None

    async with asyncio.TaskGroup() as group:
        group.create_task(mend())
        text, routed = await served(router(first, second, patience_s=2.0), turn())
    assert text == routed.text == " ".join(WORDS)
    assert routed.finish_reason == "stop"


async def test_patience_ends_and_so_does_the_deadline() -> None:
    broken = router(Scripted("a", fails_at=0), patience_s=0.05)
    with pytest.raises(NoEngine):
        await served(broken, turn())
    soon = asyncio.get_running_loop().time() + 0.05
    with pytest.raises((NoEngine, DeadlineExceeded)):
        await served(router(Scripted("a", fails_at=0), patience_s=60.0), turn(deadline=soon))


async def test_an_engine_that_answers_again_takes_turns_before_its_probe_has_ended() -> None:
    engine = Scripted("a", fails_at=0)
    routing = router(engine, patience_s=0.0)
    for _ in range(FAILURES_MAX):
        with pytest.raises(NoEngine):
            await served(routing, turn())
    engine.fails_at, engine.stalls_at = None, 2
    await asyncio.sleep(OPEN_MS_FIRST / 1e3)
    async with aclosing(routing.stream(turn())) as probe:
        await anext(probe)
        engine.stalls_at = None
        assert (await served(routing, turn()))[1].engine == "a"


async def test_when_all_circuits_are_open_the_next_one_is_tried_all_the_same() -> None:
    engine = Scripted("a", fails_at=0)
    routing = router(engine, patience_s=0.0)
    for _ in range(FAILURES_MAX):
        with pytest.raises(NoEngine):
            await served(routing, turn())
    engine_state = routing._engine_states["a"]
    engine_state.breaker = replace(
        engine_state.breaker, open_ms=30_000.0, retry_at_ms=routing.now() * 1e3 + 30_000.0
    )
    engine.fails_at = None
    patient = router(engine, patience_s=2.0)
    patient._engine_states["a"].breaker = engine_state.breaker
    assert (await served(patient, turn()))[1].engine == "a"


async def test_an_engine_that_fails_after_the_last_token_has_given_all_of_it() -> None:
    class Late(Scripted):
        async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
            yield Piece("the")
            yield Piece(" ferry")
            raise self.fault

    asked = turn(ask=EngineAsk(prompt="when?", max_tokens=2))
    text, routed = await served(router(Late("a"), Scripted("b")), asked)
    assert (text, routed.finish_reason, routed.completion_tokens) == ("the ferry", "length", 2)


async def test_what_an_engine_says_of_its_fault_ends_nothing_else() -> None:
    told: list[EngineStateChanged] = []
    broken = Scripted("a", fails_at=0, fault=EngineError("boom \x00 \ud800"))
    tiers = {"gold": Tier(engines=[broken], below="silver"), "silver": Tier(engines=[Scripted("b")])}
    routing = Router(
        tiers, clock=asyncio.get_running_loop().time, draw=lambda: 0.0, on_engine_state=told.append
    )
    for _ in range(FAILURES_MAX):
        assert (await served(routing, turn()))[0] == " ".join(WORDS)
    assert [each.reason for each in told] == ["engine_failed: boom \ufffd ?"]


async def test_an_engine_that_does_not_stop_is_stopped_at_the_last_token_asked_for() -> None:
    endless = Says("a")
    endless.pieces = [Piece("on ")] * 50
    asked = turn(ask=EngineAsk(prompt="when?", max_tokens=4))
    text, routed = await served(router(endless), asked)
    assert (text, routed.finish_reason, routed.completion_tokens) == ("on " * 4, "length", 4)


async def test_more_text_than_a_record_takes_is_nonsense_and_another_engine_answers() -> None:
    babbler = Says("a")
    babbler.pieces = [Piece("x" * (ANSWER_CHARACTERS_MAX + 1))]
    text, routed = await served(router(babbler, Scripted("b")), turn())
    assert text == " ".join(WORDS)
    assert [attempt.fault for attempt in routed.attempts] == ["engine_nonsense", ""]


async def test_a_fault_that_an_engine_did_not_foresee_is_one_of_the_engine() -> None:
    broken = Says("a")
    broken.error = AttributeError("'str' object has no attribute 'get'")
    text, routed = await served(router(broken, Scripted("b")), turn())
    assert text == " ".join(WORDS)
    assert [attempt.fault for attempt in routed.attempts] == ["engine_failed", ""]


async def test_a_probe_that_breaks_ends_no_router() -> None:
    class Unwell(Scripted):
        async def health(self) -> Health:
            raise OverflowError("cannot convert float infinity to integer")

    routing = router(Unwell("a"), Scripted("b"))
    await routing._probe(routing._engine_states["a"])
    assert "OverflowError" in routing.views()["a"].reason
    assert not routing.views()["a"].ok
