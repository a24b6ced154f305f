"""Who acts for a player: the identity that a connection proved, from opening to close. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.kernel.decider import Rejected
from domain.session.messages import CloseSession, OpenSession, SessionClosed, SessionOpened

OPERATORS = "operator:"


@dataclass(frozen=True, slots=True)
class Sessions:
    """A player's sessions.

    Attributes:
        count: how many there were; the newest one's number.
        holder: who acts for the player; "" while none is open.
    """

    count: int = 0
    holder: str = ""


def evolve(state: Sessions, event: SessionOpened | SessionClosed) -> Sessions:
    """Return the sessions after an event."""
    match event:
        case SessionOpened():
            return Sessions(event.session, event.service)
        case SessionClosed():
            return replace(state, holder="")


def opened(command: OpenSession, state: Sessions, actor: str, now_us: int) -> Sequence[SessionOpened]:
    """Return what follows from opening.

    Raises:
        Rejected: ``session_held``, ``no_identity``.
    """
    if not actor:
        raise Rejected(
            "no_identity",
            "the connection proves no identity, so nobody can hold the session",
            remedy="connect with a key; SPEC.md, Identities",
        )
    if state.holder == actor:
        return []
    if state.holder:
        raise Rejected(
            "session_held",
            f"player {command.player} has session {state.count} open with another service",
            field="player",
            remedy="that service closes it, or an operator does",
        )
    return [
        SessionOpened(
            player=command.player,
            session=state.count + 1,
            service=actor,
            build=command.build,
            at_us=now_us,
        )
    ]


def closed(command: CloseSession, state: Sessions, actor: str, now_us: int) -> Sequence[SessionClosed]:
    """Return what follows from closing.

    Raises:
        Rejected: ``no_session``, ``not_your_session``.
    """
    by_operator = actor.startswith(OPERATORS) and state.holder != actor
    if command.session < state.count or (command.session == state.count and not state.holder):
        return []
    if not by_operator or command.session > state.count:
        held(state, actor, command.session)
    reason = "operator" if by_operator else "asked"
    return [
        SessionClosed.model_validate(
            {"player": command.player, "session": command.session, "reason": reason, "at_us": now_us}
        )
    ]


def held(state: Sessions, actor: str, session: int) -> None:
    """See that ``actor`` may command the player in this session.

    Raises:
        Rejected: ``no_session``, ``not_your_session``, ``session_over``.
    """
    if not state.holder:
        raise Rejected(
            "no_session",
            "the player has no open session",
            field="session",
            remedy="open one with session.open",
        )
    if state.holder != actor:
        raise Rejected(
            "not_your_session",
            "another service holds the player's session",
            field="player",
            remedy="send commands for players whose session you opened",
        )
    if session != state.count:
        raise Rejected(
            "session_over",
            f"session {session} is not the open one, which is {state.count}",
            field="session",
            remedy=f"send the command in session {state.count}, if it is still wanted",
        )
