"""Answers piece by piece on core NATS, and their cancellation: of interest only now, and not stored."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from protocol.errors import WireError
from protocol.identity import Identity
from protocol.messages import Reply, encode_reply
from protocol.subjects import cancel_subject
from protocol.tokens import TokenMessage, decode_cancel, encode_tokens

CANCELLED = encode_reply(Reply({"cancelled": True}))

logger = structlog.get_logger(__name__)


def token_giver(nc: Client) -> Callable[[str, str, int, str], Awaitable[None]]:
    """Return a function that sends one piece: subject, inference id (hex), its number from 0, its text.

    It raises `ConnectionResetError` where nothing can be sent, nor kept until it can.
    """

    async def give(subject: str, inference_id: str, number: int, text: str) -> None:
        piece = encode_tokens(TokenMessage(bytes.fromhex(inference_id), number, text))
        try:
            await nc.publish(subject, piece)
        except NatsError as error:
            raise ConnectionResetError(f"a piece cannot be sent: {error!r}") from error

    return give


@asynccontextmanager
async def cancellable(nc: Client, realm: str, cancel: Callable[[str, str], bool]) -> AsyncIterator[None]:
    """Take cancellations while the context is open. Every process hears them; who has the answer replies.

    Args:
        nc: the connection.
        realm: whose answers.
        cancel: ends the answer of an inference id (hex) if that actor asked for it, and says whether it did.
    """

    async def take(message: Msg) -> None:
        try:
            sender = Identity.parse(message.subject.rpartition(".")[2])
            inference_id = decode_cancel(message.data).hex()
        except WireError as error:
            logger.info("cancel_malformed", realm=realm, error=str(error))
            return
        if cancel(inference_id, sender.actor) and sender.is_answered_at(message.reply):
            await nc.publish(message.reply, CANCELLED)

    subscription = await nc.subscribe(cancel_subject(realm, None), cb=take)
    try:
        yield
    finally:
        if not nc.is_closed and not nc.is_draining:  # away, too: it would come back with them
            await subscription.unsubscribe()
