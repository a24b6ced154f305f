"""NATS's service discovery. The number of answers is unknown beforehand, so there is a time limit."""

import asyncio
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

DISCOVERY_S = 0.25
"""How long services are given to answer; on one network they take a few milliseconds."""


async def discovered(nc: Client, verb: str, service: str, realm: str) -> list[dict[str, Any]]:
    """Return what each of a realm's services of that name answers to ``$SRV.{verb}`` (INFO or STATS)."""
    found: list[dict[str, Any]] = []
    heard, inbox = asyncio.Queue[Msg](), nc.new_inbox()
    subscription = await nc.subscribe(inbox, cb=heard.put)
    try:
        await nc.publish(f"$SRV.{verb}.{service}", b"", reply=inbox)
        async with asyncio.timeout(DISCOVERY_S):
            while True:
                found += _told((await heard.get()).data, realm)
    except TimeoutError:
        return found
    finally:
        await subscription.unsubscribe()


def _told(data: bytes, realm: str) -> list[dict[str, Any]]:
    try:
        told = orjson.loads(data)
    except ValueError:
        return []  # "no responders", or a stranger's
    return [told] if isinstance(told, dict) and told.get("metadata", {}).get("realm") == realm else []
