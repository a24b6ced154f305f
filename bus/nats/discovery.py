"""NATS's service discovery. The number of answers is unknown beforehand, so there is a time limit."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.micro.service import Service

from bus.nats.api import request

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
    """Return what a service of the realm said; nothing of "no responders", and of what strangers say."""
    try:
        told = orjson.loads(data)
    except ValueError:
        return []
    if not isinstance(told, dict) or not isinstance(told.get("metadata"), dict):
        return []
    return [told] if told["metadata"].get("realm") == realm else []


def subjects_of(told: Mapping[str, Any]) -> list[str]:
    """Return the subjects that a service takes by its INFO."""
    named = [each.get("subject") for each in _maps(told.get("endpoints"))]
    return [subject for subject in named if isinstance(subject, str)]


def followers_of(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and error ("": none) of what follows the log in a service, by its STATS."""
    found = dict[str, str]()
    for endpoint in _maps(told.get("endpoints")):  # each of them shows the same
        for data in _maps([endpoint.get("data")]):
            for each in _maps(data.get("followers")):
                if isinstance(name := each.get("name"), str) and isinstance(error := each.get("error"), str):
                    found[name] = error
    return list(found.items())


def clock_of(told: Mapping[str, Any]) -> tuple[str, str]:
    """Return a process's name, and what is wrong with its clock ("": nothing), by its STATS."""
    for endpoint in _maps(told.get("endpoints")):
        for data in _maps([endpoint.get("data")]):
            name, wrong = data.get("process"), data.get("clock_wrong")
            if isinstance(name, str) and isinstance(wrong, str):
                return name, wrong
    return "", ""


def _maps(found: Any) -> list[dict[str, Any]]:
    """Return the maps of a list: anybody may answer discovery, whatever they like."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


async def listens(nc: Client, service: str, id_: str) -> bool:
    """Say whether a service is there, though it may be too busy to answer: the server knows who listens."""
    try:
        await request(nc, f"$SRV.PING.{service}.{id_}", b"", timeout_s=DISCOVERY_S)
    except NoRespondersError:
        return False
    except NatsTimeoutError:
        return True
    return True


async def leave(nc: Client, service: Service) -> None:
    """Stop a service, also while the server is away: a connection comes back with all its subscriptions."""
    if nc.is_closed or nc.is_draining:
        return
    if nc.is_connected:
        await service.stop()
        return
    for endpoint in service._endpoints:  # `stop` would wait for the server
        if endpoint._subscription:
            await endpoint._subscription.unsubscribe()
    for subscription in service._subscriptions.values():
        await subscription.unsubscribe()
