"""What operators may have the weather do."""

from domain.weather.messages import ClimateSet, Lift, Override, OverrideEnded, OverrideLifted, OverrideSet
from domain.weather.weather import WEATHER, Asked, explains
from tests.unit.spec import changed, given
from tests.unit.weather.kit import HOUR, LAW

CLIMATE = ClimateSet(number=0, from_day=0, seed=1, law=LAW)
OVERRIDE = Override.model_validate(Override.example)
SET = changed(OverrideSet.from_example(), from_ms=HOUR, until_ms=7 * HOUR)
LIFT = Lift.model_validate(Lift.example)


def asked(command: Override | Lift, at_ms: int = HOUR) -> Asked:
    return Asked(command, at_ms)


def test_without_a_climate_there_is_no_weather() -> None:
    given(WEATHER).when(asked(OVERRIDE)).then_rejected("no_weather")


def test_an_override_is_set_once_and_again_once_it_is_over() -> None:
    given(WEATHER, CLIMATE).when(asked(OVERRIDE)).then(SET)
    given(WEATHER, CLIMATE, SET).when(asked(OVERRIDE, 2 * HOUR)).then_nothing()
    other = asked(changed(OVERRIDE, state="storm"), 2 * HOUR)
    given(WEATHER, CLIMATE, SET).when(other).then_rejected("handle_taken", field="handle")
    later = changed(SET, serial=1, from_ms=7 * HOUR, until_ms=13 * HOUR)
    given(WEATHER, CLIMATE, SET).when(asked(OVERRIDE, 7 * HOUR)).then(later)


def test_zones_and_states_are_known() -> None:
    nowhere = asked(changed(OVERRIDE, zones=["harbour", "moon"]))
    given(WEATHER, CLIMATE).when(nowhere).then_rejected("zone_unknown", field="zones", says="marsh")
    frogs = asked(changed(OVERRIDE, state="frogs"))
    given(WEATHER, CLIMATE).when(frogs).then_rejected("state_unknown", field="state", says="blizzard")


def test_not_too_many_at_once() -> None:
    many = [changed(SET, handle=f"h{n}", serial=n) for n in range(64)]
    refused = given(WEATHER, CLIMATE, *many).when(asked(OVERRIDE))
    refused.then_rejected("too_many_overrides")
    given(WEATHER, CLIMATE, *many).when(asked(OVERRIDE, 7 * HOUR)).then(
        changed(SET, serial=64, from_ms=7 * HOUR, until_ms=13 * HOUR)
    )


def test_an_override_is_lifted_once() -> None:
    lifted = changed(OverrideLifted.from_example(), at_ms=2 * HOUR)
    given(WEATHER, CLIMATE, SET).when(asked(LIFT, 2 * HOUR)).then(lifted)
    given(WEATHER, CLIMATE, SET, lifted).when(asked(LIFT, 3 * HOUR)).then_nothing()
    given(WEATHER, CLIMATE, SET).when(asked(LIFT, 8 * HOUR)).then_nothing()
    given(WEATHER, CLIMATE).when(asked(LIFT)).then_rejected("override_unknown", field="handle")


def test_what_is_over_is_forgotten_in_time_but_not_at_once() -> None:
    history = [CLIMATE]
    state = WEATHER.fold(history)
    for n in range(200):
        state = WEATHER.evolve(state, changed(SET, handle=f"h{n}", serial=n))
        state = WEATHER.evolve(state, OverrideEnded(handle=f"h{n}", serial=n, at_ms=7 * HOUR))
    assert not state.open
    assert 64 <= len(state.laid) <= 66
    assert max(state.laid) == 199


def test_a_repeat_is_known_by_what_it_asked_for() -> None:
    assert explains(OVERRIDE, SET)
    assert not explains(changed(OVERRIDE, span_ms=HOUR), SET)
    assert explains(LIFT, OverrideLifted.from_example())
    assert not explains(LIFT, SET)
