"""Sends commands and queries and returns typed results: what our CLI uses, and a pattern for others."""

from collections.abc import Mapping
from typing import Any

from nats.aio.client import Client
from nats.errors import MaxPayloadError, NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from bus.nats.api import request
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    Reply,
    decode_reply,
    encode_command,
    encode_query,
)
from protocol.subjects import command_subject, query_subject

REQUEST_TIMEOUT_S = 35.0
"""A little longer than a service's own deadline, so that the service's answer is what one sees."""


async def send_command(
    nc: Client, realm: str, message: CommandMessage, *, timeout_s: float = REQUEST_TIMEOUT_S
) -> Reply | ErrorReply:
    """Return the command's reply; silence and absence are errors of the same kind as any other.

    Raises:
        WireError: the message cannot be encoded, or the reply is none.
    """
    subject = command_subject(realm, message.command)
    reply = await _request(nc, subject, encode_command(message), timeout_s)
    return _unexpected(subject) if isinstance(reply, Answer) else reply


async def query(
    nc: Client, realm: str, view: str, parameters: Mapping[str, Any], *, timeout_s: float = REQUEST_TIMEOUT_S
) -> Answer | ErrorReply:
    """Return the query's answer with the position it is true as of, or the error.

    Raises:
        WireError: the query cannot be encoded, or the reply is none.
    """
    subject = query_subject(realm, view)
    reply = await _request(nc, subject, encode_query(parameters), timeout_s)
    return _unexpected(subject) if isinstance(reply, Reply) else reply


async def _request(nc: Client, subject: str, body: bytes, timeout_s: float) -> Reply | Answer | ErrorReply:
    try:
        message = await request(nc, subject, body, timeout_s=timeout_s)
    except NoRespondersError:
        remedy = "start it: `aicore up`, or `aicore run commands`"
        return ErrorReply("unavailable", f"nobody serves {subject}", remedy=remedy, retry="later")
    except NatsTimeoutError:
        remedy = "send it again with the same id: it takes effect once"
        return ErrorReply(
            "deadline_exceeded", f"no reply within {timeout_s:g} s", remedy=remedy, retry="later"
        )
    except MaxPayloadError:
        return ErrorReply("too_large", f"{len(body)} bytes are more than the server takes ({nc.max_payload})")
    return decode_reply(message.data)


def _unexpected(subject: str) -> ErrorReply:
    return ErrorReply("internal", f"the reply on {subject} is of the wrong kind", retry="never")
