"""The durable consumers of the game's services: each reads the stream of events by its own, and by no other.

A service may not make a consumer: one that is pushed, or has another's name, would have JetStream publish for
it. So they are made here, where a service is given the right to follow, and it asks for what comes next.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from nats.aio.client import Client

from bus.nats.api import Missing, js_request
from bus.nats.topology import SECOND_NS, events_stream

ACK_WAIT_S = 30


async def ensure_follower(nc: Client, realm: str, name: str, filters: Sequence[str]) -> None:
    """Make a pull consumer of the realm's events, from the oldest in the stream, or give it ``filters``.

    Raises:
        Missing: there is no stream yet.
        JetStreamError, JetStreamUnavailable: JetStream refused, or is away.
    """
    config: dict[str, Any] = {
        "durable_name": name,
        "description": "events for a service of the game",
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": ACK_WAIT_S * SECOND_NS,
        "max_deliver": -1,
        **({"filter_subject": filters[0]} if len(filters) == 1 else {"filter_subjects": list(filters)}),
    }
    stream = events_stream(realm)
    with suppress(Missing):
        there = (await js_request(nc, f"CONSUMER.INFO.{stream}.{name}"))["config"]
        chosen = {"filter_subject", "filter_subjects"}
        kept = {key: value for key, value in there.items() if key not in chosen}
        config = {**kept, **{key: value for key, value in config.items() if key in chosen}}
    await js_request(
        nc, f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config}
    )


async def followers_there(nc: Client, realm: str, owner: str) -> Sequence[str]:
    """Return the names of the consumers that are a service's own; raises as `ensure_follower` does."""
    found: list[str] = []
    while True:
        page = await js_request(nc, f"CONSUMER.NAMES.{events_stream(realm)}", {"offset": len(found)})
        names = page.get("consumers") or []
        found += names
        if not names or len(found) >= int(page.get("total", 0)):
            return [name for name in found if name == owner or name.startswith(f"{owner}-")]


async def remove_follower(nc: Client, realm: str, name: str) -> None:
    """Remove a service's consumer; raises as `ensure_follower` does."""
    await js_request(nc, f"CONSUMER.DELETE.{events_stream(realm)}.{name}")
