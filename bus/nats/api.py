"""JetStream's JSON API in one function, with its errors as types.

nats-py's own manager turns replies into dataclasses that know only some of the fields; here a configuration
is the plain mapping that the server documents, so that every server feature can be used.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

API_TIMEOUT_S = 5.0
"""Bound of one API request; a healthy server answers within milliseconds."""

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
MESSAGE_NOT_FOUND = 10037
WRONG_LAST_SEQUENCE = 10071
"""Error codes of nats-server (server/errors.json)."""

NOT_FOUND = frozenset({STREAM_NOT_FOUND, CONSUMER_NOT_FOUND, MESSAGE_NOT_FOUND})


class JetStreamError(Exception):
    """JetStream refused a request.

    Attributes:
        code: HTTP-like class, e.g. 404.
        err_code: the exact error of nats-server, e.g. 10059 (stream not found).
    """

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"JetStream refused ({code}, {err_code}): {description}")
        self.code = code
        self.err_code = err_code
        self.description = description


class Missing(JetStreamError):
    """The stream, consumer or message does not exist."""


class JetStreamUnavailable(ConnectionError):
    """JetStream did not answer: the server is down, restarting, or has JetStream disabled; retry later."""


def raise_error(error: Mapping[str, Any]) -> None:
    """Raise the error that a JSON reply's ``error`` member describes."""
    code, err_code = int(error.get("code", 0)), int(error.get("err_code", 0))
    kind = Missing if err_code in NOT_FOUND else JetStreamError
    raise kind(code, err_code, str(error.get("description", "")))


async def request(
    nc: Client, subject: str, body: bytes, *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> Msg:
    """Return the answer to a request, as nats-py's own does, but lose no cancellation.

    Python 3.11's `asyncio.wait_for`, which nats-py waits with, forgets one that comes with the answer;
    then a relay that was told to end goes on for ever.

    Raises:
        NatsTimeoutError: no answer within ``timeout_s``.
        NoRespondersError: nobody listens there.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    answer = await nc.request(subject, body, timeout=timeout_s, headers=dict(headers) if headers else None)
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return answer


async def js_request(
    nc: Client, subject: str, body: Mapping[str, Any] | None = None, *, timeout_s: float = API_TIMEOUT_S
) -> dict[str, Any]:
    """Return the reply of ``$JS.API.{subject}`` to ``body``.

    Raises:
        Missing: what was asked for does not exist.
        JetStreamError: any other refusal.
        JetStreamUnavailable: no answer within ``timeout_s``, or no JetStream there.
    """
    payload = orjson.dumps(body) if body is not None else b""
    try:
        reply = await request(nc, f"$JS.API.{subject}", payload, timeout_s=timeout_s)
    except (NatsTimeoutError, NoRespondersError) as error:
        raise JetStreamUnavailable(f"no answer from JetStream to {subject}") from error
    answer: dict[str, Any] = orjson.loads(reply.data)
    if "error" in answer:
        raise_error(answer["error"])
    return answer


async def js_publish(nc: Client, subject: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return JetStream's acknowledgement (``stream``, ``seq``, ``duplicate``) of one stored message.

    Raises:
        JetStreamError: refused, e.g. `WRONG_LAST_SEQUENCE`.
        JetStreamUnavailable: no stream takes the subject, or no answer; whether it was stored is unknown.
    """
    try:
        reply = await request(nc, subject, body, timeout_s=API_TIMEOUT_S, headers=headers)
    except (NatsTimeoutError, NoRespondersError) as error:
        raise JetStreamUnavailable(f"no acknowledgement from JetStream for {subject}") from error
    answer: dict[str, Any] = orjson.loads(reply.data)
    if "error" in answer:
        raise_error(answer["error"])
    return answer
