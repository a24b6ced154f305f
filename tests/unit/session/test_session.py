"""Who acts for a player."""

import pytest

from domain.kernel.decider import Rejected
from domain.places.moving import PLAYER
from domain.session.messages import CloseSession, OpenSession, SessionClosed, SessionOpened
from tests.unit.places.asked import MARKET, STATION, T0, asked
from tests.unit.spec import changed, given

OPENED = SessionOpened(player="ann", session=1, service=MARKET, build="0.9", at_us=T0)
CLOSED = SessionClosed(player="ann", session=1, reason="asked", at_us=T0)
OPEN = OpenSession(player="ann", build="0.9")
CLOSE = CloseSession(player="ann", session=1)


def test_a_session_belongs_to_the_identity_that_the_connection_proved() -> None:
    given(PLAYER).when(asked(OPEN)).then(OPENED)
    given(PLAYER, OPENED).when(asked(OPEN)).then_nothing()
    given(PLAYER, OPENED, CLOSED).when(asked(OPEN)).then(changed(OPENED, session=2))


def test_without_an_identity_nobody_holds_one() -> None:
    given(PLAYER).when(asked(OPEN, actor="")).then_rejected("no_identity")


def test_a_second_service_is_refused_until_the_first_one_or_an_operator_closes() -> None:
    given(PLAYER, OPENED).when(asked(OPEN, actor=STATION)).then_rejected("session_held", field="player")
    given(PLAYER, OPENED, CLOSED).when(asked(OPEN, actor=STATION)).then(
        changed(OPENED, session=2, service=STATION)
    )


def test_who_may_close() -> None:
    given(PLAYER, OPENED).when(asked(CLOSE)).then(CLOSED)
    given(PLAYER, OPENED).when(asked(CLOSE, actor="operator:mira")).then(changed(CLOSED, reason="operator"))
    given(PLAYER, OPENED).when(asked(CLOSE, actor=STATION)).then_rejected("not_your_session", field="player")
    given(PLAYER).when(asked(CLOSE)).then_rejected("no_session", field="session")
    given(PLAYER).when(asked(CLOSE, actor="operator:mira")).then_rejected("no_session", field="session")


def test_a_close_that_comes_late_closes_no_later_session() -> None:
    again = changed(OPENED, session=2)
    given(PLAYER, OPENED, CLOSED).when(asked(CLOSE)).then_nothing()
    given(PLAYER, OPENED, CLOSED, again).when(asked(CLOSE)).then_nothing()
    given(PLAYER, OPENED, CLOSED, again).when(asked(changed(CLOSE, session=3))).then_rejected(
        "session_over", field="session"
    )


def test_the_holder_and_the_build_are_shown_to_nobody() -> None:
    assert MARKET not in repr(OPENED)
    with pytest.raises(Rejected) as refusal:
        PLAYER.decide(asked(OPEN, actor=STATION), PLAYER.fold([OPENED]))
    assert "market" not in f"{refusal.value.message} {refusal.value.remedy}"
