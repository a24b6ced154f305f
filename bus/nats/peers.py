"""Commands from one process of ours to another: whose id it is, or who leads what it is for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from bus.nats.api import request
from bus.ports import NobodyLeads
from bus.problems import problem_of, unforeseen
from protocol.errors import WireError
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    Reply,
    decode_command,
    decode_reply,
    encode_command,
    encode_reply,
)
from protocol.subjects import peer_subject

ASK_AGAIN_S = 1.0
"""A leader is asked again after so long: it may have died with the question, and asking twice is harmless."""

Answering = Callable[[CommandMessage], Awaitable[Reply]]

logger = structlog.get_logger(__name__)


async def reply_to_peer(nc: Client, message: Msg, answer: Answering, new_id: Callable[[], UUID]) -> None:
    """Reply to another process, whatever comes of its command."""
    reply: Reply | ErrorReply
    try:
        reply = await answer(decode_command(message.data))
    except Exception as error:  # the edge: every failure becomes a typed reply
        reply = problem_of(error) or _unforeseen(error, new_id())
    try:
        await nc.publish(message.reply, encode_reply(reply))
    except NatsError as error:
        logger.info("reply_not_sent", subject=message.subject, error=type(error).__name__)


def _unforeseen(error: Exception, error_id: UUID) -> ErrorReply:
    logger.error("request_of_peer_failed", error_id=str(error_id), exc_info=error)
    return unforeseen(error_id)


class NatsLead:
    """The leader of some work, by the work's name; see `bus.ports.Lead`."""

    def __init__(self, nc: Client, realm: str, work: str, new_id: Callable[[], UUID]) -> None:
        self._nc = nc
        self._subject = peer_subject(realm, work)
        self._new_id = new_id

    async def ask(self, message: CommandMessage, within_s: float) -> Reply | ErrorReply:
        """Return what the leader replies; see the port."""
        now = asyncio.get_running_loop().time
        body, until = encode_command(message), now() + within_s
        while (left_s := until - now()) > 0:
            try:
                found = await request(self._nc, self._subject, body, timeout_s=min(left_s, ASK_AGAIN_S))
                reply = decode_reply(found.data)
            except NatsTimeoutError:
                continue
            except (NoRespondersError, NatsError, WireError) as error:
                raise NobodyLeads(repr(error)) from error
            if isinstance(reply, Answer):
                raise NobodyLeads(f"{self._subject} is answered by no process of ours")
            return reply
        raise NobodyLeads("no reply")

    @asynccontextmanager
    async def answering(self, answer: Answering) -> AsyncIterator[None]:
        """Let ``answer`` reply; see the port. On leaving, what is under way is finished."""
        async with asyncio.TaskGroup() as group:

            async def take(message: Msg) -> None:
                group.create_task(reply_to_peer(self._nc, message, answer, self._new_id))

            subscription = await self._nc.subscribe(self._subject, cb=take)
            try:
                yield
            finally:
                if not self._nc.is_closed and not self._nc.is_draining:
                    await subscription.unsubscribe()
