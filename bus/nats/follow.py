"""Events in order from any position on: old ones from the log, new ones from JetStream, no seam to be seen.

For readers that keep their own place: `aicore log tail`, live views. Nothing is acknowledged and nothing is
remembered in the server. Without filters every position is seen, so a hole would be noticed; after any loss
the feed begins again at its own floor, and what the stream no longer has comes from the log.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nats.aio.client import Client

from bus.nats.feed import Feed, FeedConfig, Item, ReadOld
from bus.nats.topology import events_stream
from protocol.envelope import Envelope, decode_envelope

AHEAD_MAX = 512
"""Events fetched before the reader asks for them."""


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """How to follow.

    Attributes:
        subjects: filters; empty means all of the realm's events.
        read_old: reads events that the stream no longer holds; without it they are an error (`BehindCache`).
    """

    subjects: Sequence[str] = ()
    read_old: ReadOld | None = None


@asynccontextmanager
async def follow(
    nc: Client, realm: str, *, name: str, after: int = 0, options: FollowOptions | None = None
) -> AsyncIterator[AsyncIterator[Envelope]]:
    """Yield an endless iterator of the events with position > ``after``; ``name`` is unique among followers.

    Use: ``async with follow(nc, realm, name=...) as events: async for envelope in events: ...``

    Raises:
        BehindCache: inside an exception group, see `FollowOptions.read_old`.
        WireError: a message of the stream is no event.
    """
    options = options or FollowOptions()
    arrived: deque[Item] = deque()
    news = asyncio.Event()

    def take(item: Item) -> None:
        arrived.append(item)
        news.set()

    async def begin() -> int:
        return after

    config = FeedConfig(
        stream=events_stream(realm),
        durable=name,
        subjects=tuple(options.subjects) or (f"{realm}.evt.>",),
        in_flight_max=AHEAD_MAX,
        ephemeral=True,
    )
    feed = Feed(nc, config, take, first_floor=begin, read_old=options.read_old)

    async def events() -> AsyncIterator[Envelope]:
        while True:
            while arrived:
                item = arrived.popleft()
                await feed.done(item)
                yield decode_envelope(item.data)
            news.clear()
            await news.wait()

    async with asyncio.TaskGroup() as group:
        running = group.create_task(feed.run())
        stream = events()
        try:
            yield stream
        finally:
            await stream.aclose()  # type: ignore[attr-defined] # an async generator, typed as what it yields
            running.cancel()
