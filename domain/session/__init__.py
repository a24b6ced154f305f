"""Sessions: which service acts for a player."""

from domain.kernel.context import Context
from domain.session.messages import CloseSession, OpenSession, SessionClosed, SessionOpened

CONTEXT = Context(
    "session",
    events=(SessionOpened, SessionClosed),
    commands=(OpenSession, CloseSession),
)
