"""Where a player is, who may move them, how fast, and what becomes of them where a way closes."""

from typing import Any

from hypothesis import given as drawn
from hypothesis import strategies as st

from domain.kernel.decider import Rejected
from domain.places.asking import Nobody
from domain.places.closures import WAY
from domain.places.journey import Journey, Spot
from domain.places.messages import (
    Arrive,
    Arrived,
    CloseWay,
    CutJourney,
    Depart,
    Departed,
    Enter,
    Entered,
    JourneyCut,
    Left,
    OpenWay,
    TurnBack,
    TurnedBack,
    WayClosed,
    WayOpened,
)
from domain.places.moving import PLAYER, Player
from domain.places.routes import TOLERANCE_US
from domain.session.messages import CloseSession, SessionClosed, SessionOpened
from tests.unit.places.asked import CITY, MARKET, NOON_MS, STATION, T0, asked
from tests.unit.spec import changed, given

OPENED = SessionOpened(player="ann", session=1, service=MARKET, at_us=T0)
ENTER = Enter(player="ann", session=1, place="quay")
ENTERED = Entered(who="ann", kind="player", place="quay", at_ms=NOON_MS, at_us=T0)
DEPART = Depart(player="ann", session=1, to="lane", errand="meet Bo")
DEPARTED = Departed(
    who="ann",
    kind="player",
    places=["quay", "square", "lane"],
    ways=["a_rope", "b_steps"],
    times_ms=[NOON_MS, NOON_MS + 60_000, NOON_MS + 150_000],
    means="foot",
    real_ms=2_500,
    errand="meet Bo",
    at_us=T0,
)
ARRIVED = Arrived(who="ann", place="lane", at_ms=NOON_MS + 150_000, at_us=T0 + 2_500_000)
BACK = TurnBack(player="ann", session=1)
HERE = (OPENED, ENTERED)
AWAY = (*HERE, DEPARTED)


def test_one_enters_where_one_may_begin_and_later_where_one_left() -> None:
    given(PLAYER, OPENED).when(asked(ENTER)).then(ENTERED)
    given(PLAYER, OPENED).when(asked(changed(ENTER, place="lane"))).then_rejected(
        "not_there", field="place", says="quay"
    )
    given(PLAYER, OPENED).when(asked(changed(ENTER, place="moon"))).then_rejected(
        "place_unknown", field="place"
    )
    left = Left(who="ann", place="lane", at_ms=NOON_MS, at_us=T0)
    given(PLAYER, *HERE, left).when(asked(ENTER)).then_rejected("not_there", field="place", says="lane")
    given(PLAYER, *HERE, left).when(asked(changed(ENTER, place="lane"))).then(changed(ENTERED, place="lane"))


def test_who_is_in_the_world_does_not_enter_elsewhere() -> None:
    given(PLAYER, *HERE).when(asked(changed(ENTER, place="gate"))).then_rejected(
        "in_the_world", field="place"
    )
    given(PLAYER, *AWAY).when(asked(ENTER)).then_rejected("under_way", field="player")


def test_only_the_holder_commands_and_only_in_the_open_session() -> None:
    for command in (ENTER, DEPART, BACK):
        given(PLAYER, *HERE).when(asked(command, actor=STATION)).then_rejected(
            "not_your_session", field="player"
        )
        given(PLAYER, *HERE).when(asked(command, actor="operator:mira")).then_rejected(
            "not_your_session", field="player"
        )
        given(PLAYER, *HERE).when(asked(changed(command, session=2))).then_rejected(
            "session_over", field="session"
        )
        given(PLAYER).when(asked(command)).then_rejected("no_session", field="session")


def test_a_journey_of_several_ways_is_one_event_with_the_times() -> None:
    given(PLAYER, *HERE).when(asked(DEPART)).then(DEPARTED)
    given(PLAYER, *AWAY).when(asked(changed(DEPART, to="inn"))).then_rejected("under_way", field="player")
    given(PLAYER, *HERE).when(asked(changed(DEPART, to="quay"))).then_nothing()
    given(PLAYER, OPENED).when(asked(DEPART)).then_rejected("not_in_world", field="player")


def test_what_is_not_there_is_named() -> None:
    given(PLAYER, *HERE).when(asked(changed(DEPART, to="moon"))).then_rejected("place_unknown", field="to")
    given(PLAYER, *HERE).when(asked(changed(DEPART, means="balloon"))).then_rejected(
        "means_unknown", field="means", says="boat, foot"
    )
    given(PLAYER, *HERE).when(asked(changed(DEPART, means="boat"))).then_rejected("no_way", field="to")


def test_doors_are_looked_at_for_when_they_are_reached() -> None:
    gate, well = changed(DEPART, to="gate"), changed(DEPART, to="quay_dark")
    late = 22 * 3_600_000 - 60_000
    given(PLAYER, *HERE).when(asked(gate, game_ms=late)).then_rejected(
        "closed_then", field="to", says="the place gate is closed at 22:03"
    )
    given(PLAYER, *HERE).when(asked(well)).then_rejected("closed_then", field="to", says="the way h_well")
    assert PLAYER.decide(asked(well, game_ms=23 * 3_600_000), PLAYER.fold(HERE))


def test_a_lock_asks_for_its_key() -> None:
    room = changed(DEPART, to="room")
    given(PLAYER, *HERE).when(asked(room)).then_rejected("locked", field="to", says="brass_key")
    assert PLAYER.decide(asked(room, keys=("brass_key",)), PLAYER.fold(HERE))


class Two(Nobody):
    def in_place(self, _place: str) -> int:
        return 2

    def on_way(self, _way: str, _start_ms: int, _end_ms: int) -> int:
        return 2


def test_a_full_place_says_when_to_come_again() -> None:
    refusal = (
        given(PLAYER, *HERE)
        .when(asked(changed(DEPART, to="inn"), crowd=Two()))
        .then_rejected("place_full", field="to")
    )
    assert refusal.retry_after_ms
    assert PLAYER.decide(asked(DEPART, crowd=Two()), PLAYER.fold(HERE)), "the lane has no capacity"


def test_one_arrives_when_the_journey_is_over_and_not_before() -> None:
    arrive = Arrive(who="ann", arrives_ms=NOON_MS + 150_000)
    due = asked(arrive, game_ms=NOON_MS + 150_000, real_us=T0 + 2_500_000)
    given(PLAYER, *AWAY).when(due).then(ARRIVED)
    given(PLAYER, *AWAY).when(asked(arrive, game_ms=NOON_MS + 149_999)).then_rejected(
        "not_yet", field="arrives_ms"
    )
    given(PLAYER, *HERE).when(due).then_nothing()
    given(PLAYER, *AWAY).when(asked(changed(arrive, arrives_ms=NOON_MS), game_ms=2 * NOON_MS)).then_nothing()


def test_a_position_on_the_way_is_derived() -> None:
    journey = Journey.of(DEPARTED)
    assert journey.spot(NOON_MS - 5) == Spot("quay", "square", 0)
    assert journey.spot(NOON_MS + 45_000) == Spot("quay", "square", 750)
    assert journey.spot(NOON_MS + 60_000) == Spot("square", "lane", 0)
    assert journey.spot(NOON_MS + 999_999) == Spot("square", "lane", 1_000)


def test_who_turns_back_takes_as_long_as_they_were_on_the_way() -> None:
    turned = TurnedBack(
        who="ann",
        place="square",
        away="lane",
        left_ms=NOON_MS + 60_000 + 60_000 - 90_000,
        arrives_ms=NOON_MS + 120_000,
        at_us=T0,
    )
    given(PLAYER, *AWAY).when(asked(BACK, game_ms=NOON_MS + 90_000)).then(turned)
    journey = Journey.of(DEPARTED)
    back = journey.turned(turned)
    there, here = journey.spot(NOON_MS + 90_000), back.spot(NOON_MS + 90_000)
    assert (there.start, there.end, there.per_mille) == ("square", "lane", 333)
    assert (here.start, here.end, here.per_mille) == ("lane", "square", 666), "the same spot"
    given(PLAYER, *HERE).when(asked(BACK)).then_rejected("not_under_way", field="player")


def test_a_one_way_is_gone_to_its_end() -> None:
    down = changed(
        DEPARTED, places=["lane", "quay"], ways=["g_drop"], times_ms=[NOON_MS, NOON_MS + 30_000], real_ms=500
    )
    given(PLAYER, *HERE, down).when(asked(BACK, game_ms=NOON_MS + 1)).then_rejected("one_way", field="player")


def test_who_is_on_a_way_when_it_closes_goes_on_and_who_has_it_before_them_ends_there() -> None:
    cut = CutJourney(who="ann", way="b_steps", closed_ms=NOON_MS + 59_999)
    late = asked(cut, game_ms=NOON_MS + 99_999)
    given(PLAYER, *AWAY).when(late).then(JourneyCut(who="ann", place="square", way="b_steps", at_us=T0))
    given(PLAYER, *AWAY).when(asked(changed(cut, closed_ms=NOON_MS + 60_000))).then_nothing()
    given(PLAYER, *AWAY).when(asked(changed(cut, way="c_alley"))).then_nothing()
    first = changed(cut, way="a_rope", closed_ms=NOON_MS - 1)
    given(PLAYER, *AWAY).when(asked(first)).then(JourneyCut(who="ann", place="quay", way="a_rope", at_us=T0))
    state = PLAYER.fold([*AWAY, JourneyCut(who="ann", place="square", way="b_steps", at_us=T0)])
    assert state.journey
    assert (state.journey.end, state.journey.ends_ms) == ("square", NOON_MS + 60_000)
    assert state.paid_us == T0 + 1_000_000, "the way that is not gone is not paid"


def test_nobody_sets_out_on_a_closed_way() -> None:
    shut = CITY.with_closed({"b_steps"})
    given(PLAYER, *HERE).when(asked(DEPART, city=shut)).then_rejected("no_way", field="to")


def test_who_is_closed_out_in_the_middle_comes_back_at_the_last_place_reached() -> None:
    close = asked(CloseSession(player="ann", session=1), game_ms=NOON_MS + 61_000)
    given(PLAYER, *AWAY).when(close).then(
        SessionClosed(player="ann", session=1, reason="asked", at_us=T0),
        Left(who="ann", place="square", at_ms=NOON_MS + 61_000, at_us=T0),
    )


def test_a_journey_is_paid_with_real_time_and_standing_still_saves_nothing() -> None:
    there = (*AWAY, ARRIVED)
    home = changed(DEPART, to="quay")
    jumped = asked(home, real_us=T0 + 100_000, game_ms=NOON_MS * 3)
    refusal = given(PLAYER, *there).when(jumped).then_rejected("too_fast")
    assert refusal.retry_after_ms == 400
    on_time = asked(home, real_us=T0 + 500_000, game_ms=NOON_MS * 3)
    [departed] = PLAYER.decide(on_time, PLAYER.fold(there))
    assert isinstance(departed, Departed)
    long_after = changed(departed, at_us=T0 + 10**12)
    assert PLAYER.fold([*there, long_after]).paid_us == T0 + 10**12 + 1_000 * departed.real_ms


STEPS = st.lists(
    st.tuples(st.sampled_from(["lane", "quay", "square", "gate", "back"]), st.integers(0, 4_000)), max_size=25
)


@drawn(STEPS)
def test_whatever_one_sends_and_however_the_clock_jumps_real_time_pays_for_the_way(
    steps: list[tuple[str, int]],
) -> None:
    """At every second step the clock leaps to where the journey is over."""
    state: Player = PLAYER.fold(HERE)
    real_us, game_ms, gone_ms = T0, NOON_MS, 0
    for wish, waits_ms in steps:
        real_us, game_ms = real_us + waits_ms * 1_000, game_ms + waits_ms * 60
        command: Any = BACK if wish == "back" else changed(DEPART, to=wish)
        events: list[Any] = []
        try:
            events = list(PLAYER.decide(asked(command, real_us=real_us, game_ms=game_ms), state))
        except Rejected:
            continue
        before = state.journey
        state = PLAYER.fold(events, state)
        for event in events:
            if isinstance(event, Departed):
                gone_ms += event.times_ms[-1] - event.times_ms[0]
            if isinstance(event, TurnedBack):
                assert before
                gone_ms += event.arrives_ms - before.ends_ms
        if state.journey and wish != "back":
            ends = state.journey.ends_ms
            if waits_ms % 2:
                game_ms, end = ends, state.journey.end
                state = PLAYER.fold([Arrived(who="ann", place=end, at_ms=ends, at_us=real_us)], state)
    last_ms = state.journey.real_ms if state.journey else 4_500
    assert gone_ms <= 60 * ((real_us - T0 + TOLERANCE_US) // 1_000 + max(last_ms, 4_500) + len(steps))


def test_a_way_closes_and_opens() -> None:
    close, open_ = CloseWay(way="d_ferry", grounds="storm"), OpenWay(way="d_ferry")
    closed = WayClosed(way="d_ferry", ends=["quay", "gate"], grounds="storm", at_ms=NOON_MS, at_us=T0)
    given(WAY).when(asked(close)).then(closed)
    given(WAY).when(asked(open_)).then_nothing()
    given(WAY, closed).when(asked(open_)).then(
        WayOpened(way="d_ferry", ends=["quay", "gate"], at_ms=NOON_MS, at_us=T0)
    )
    given(WAY).when(asked(changed(close, way="no_such"))).then_rejected("way_unknown", field="way")


def test_the_errand_is_in_no_representation() -> None:
    assert "Bo" not in repr(DEPARTED)
    assert "Bo" not in repr(DEPART)
