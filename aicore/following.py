"""Events handed to a program, one at a time: what it has taken is not handed out again, over restarts too.

The program is run anew for each event, which is one line of JSON on its standard input. Exit code 0 says that
it is done; anything else, and a run over the limit, is tried again after growing pauses and at last put into
the dead letters. So an event may reach the program twice, and its ``id`` says so.
"""

import asyncio
import random
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.client import Client

from aicore.clock import now_us
from bus.nats.api import Missing
from bus.nats.consumer import ConsumeOptions, Delivery, Handler, RetryPolicy, consume
from bus.nats.feed import BehindCache
from bus.nats.topology import describe, events_stream
from protocol.envelope import Envelope

END_S = 2.0
"""So long a program has after SIGTERM before it is killed."""


class ProgramFailed(Exception):
    """The program did not take an event; the message says how it ended."""


@dataclass(frozen=True, slots=True)
class Following:
    """How events are followed.

    Attributes:
        name: of the durable consumer; whoever uses the same name goes on where the last one stopped.
        types: of the events; empty: all.
        from_start: a new name begins with the realm's first event instead of the next one.
        attempts_max: how often an event is tried before it becomes a dead letter.
        at_once: events under way at the same time, each of another stream; 1 keeps the order of the log.
    """

    name: str
    types: Sequence[str] = ()
    from_start: bool = False
    attempts_max: int = 8
    at_once: int = 1


async def follow(nc: Client, realm: str, following: Following, handler: Handler[Envelope]) -> None:
    """Hand events to ``handler`` until cancelled.

    Raises:
        BehindCache: JetStream has dropped events that a follower of this name has not had.
    """

    async def floor() -> int:
        if following.from_start:
            return 0
        with suppress(Missing):
            return (await describe(nc, events_stream(realm))).last
        return 0

    options = ConsumeOptions(
        random=random.random,
        now_us=now_us,
        subjects=tuple(f"{realm}.evt.{each}.>" for each in following.types),
        concurrency=following.at_once,
        retry=RetryPolicy(attempts_max=following.attempts_max),
        floor=floor,
    )
    dropped = False
    try:
        await consume(nc, realm, following.name, handler, options)
    except* BehindCache:
        dropped = True
    if dropped:
        raise BehindCache(following.name)


def handing_to(
    program: Sequence[str], *, line: Callable[[Envelope], bytes], limit_s: float
) -> Handler[Envelope]:
    """Return a handler that runs ``program`` for each event; ``line`` writes an event as its input.

    The handler raises `ProgramFailed`.
    """

    async def hand(delivery: Delivery[Envelope]) -> None:
        try:
            child = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=None, stderr=None)
        except OSError as error:
            raise ProgramFailed(f"{program[0]} cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(limit_s):
                await child.communicate(line(delivery.message))
        except TimeoutError:
            raise ProgramFailed(f"{program[0]} took longer than {limit_s:g} s") from None
        finally:
            await _end(child)
        if child.returncode:
            raise ProgramFailed(f"{program[0]} ended with {child.returncode}")

    return hand


async def _end(child: Process) -> None:
    """See that a program is over, in order if it wants to."""
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError, TimeoutError):
        child.terminate()
        async with asyncio.timeout(END_S):
            await child.wait()
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
