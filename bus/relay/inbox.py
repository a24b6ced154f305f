"""Which process takes commands from the inbox: the one that holds the lead, which is a lock in Postgres.

Without the log there is no leader, so that nothing is handed out that cannot take effect. Two leaders, for
the moment in which a lost connection is not noticed, lose the order of commands, never their one effect.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from bus.relay.leadership import WRITER, while_leading

ROLE = WRITER
"""Of the processes that carry commands out."""


async def lead_inbox(
    dsn: str, realm: str, consume: Callable[[], Coroutine[Any, Any, None]], *, name: str
) -> None:
    """Run what ``consume`` makes whenever this process leads, until cancelled.

    Raises:
        Exception: whatever ``consume`` raises; losing Postgres is none.
    """
    await while_leading(dsn, realm, consume, work="inbox", name=name)
