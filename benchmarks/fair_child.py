"""One side of the benchmark `fair`: a service that asks in turn, or one that floods; prints what it saw."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import uvloop
from nats.aio.msg import Msg

from aicore.client import Client, Refused, Unanswered
from aicore.client import connect as connect_client
from aicore.clock import new_id
from aicore.embedded.keyring import keyring_of
from aicore.embedded.nats import address_of
from aicore.logs import set_up
from aicore.running import find
from aicore.settings import load_settings
from bus.nats.connection import connect
from protocol.identity import UNNAMED, Identity
from protocol.messages import CommandMessage, ErrorReply, decode_reply, encode_command
from protocol.meta import Meta
from protocol.subjects import command_subject

REALM = "demo"
ASK = {"use_case": "npc_dialogue", "prompt": "Who is there?", "max_tokens": 6}
PAUSE_S = 0.02
SMALL_PER_S, BIG_PER_S = 68_750, 375
LORE = {"lore": ["a" * 7] * 60_000}


NOBODYS = "nobody.hears.this"


def url_of(name: str) -> str:
    """Return the address of a service of the running system."""
    return url_for(Identity("service", name))


def url_for(identity: Identity) -> str:
    """Return an identity's address in the running system."""
    state_dir = Path(os.environ["AICORE_STATE_DIR"])
    server = f"nats://{find(load_settings()).nats_url.rpartition('@')[2].rpartition('//')[2]}"
    return address_of(server, identity, keyring_of(state_dir).seed(identity))


async def innocent(seconds: float) -> dict[str, object]:
    """Ask in turn; return how long answers took, s, and what else came."""
    took: list[float] = []
    not_ok: list[str] = []
    async with connect_client(url_of("innocent"), REALM) as client:
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            try:
                await one(client)
                took.append(time.monotonic() - began)
            except Refused as error:
                not_ok.append(error.error.code)
            except (Unanswered, TimeoutError) as error:
                not_ok.append(type(error).__name__)
            await asyncio.sleep(PAUSE_S)
    return {"took": took, "not_ok": not_ok}


async def one(client: Client) -> None:
    """Ask for a line that nobody was told before."""
    await client.command("inference.generate", {**ASK, "prompt": f"Who is there? {time.monotonic_ns()}"})


async def flood(seconds: float, kind: str, to: str) -> dict[str, object]:
    """Send as much as the kind says; return how much that was, and how many refusals came.

    ``to``: ``service``, or ``nobody``: a subject that none of AI Core's processes hears, which is what such a
    flood costs others on this machine whatever AI Core does about it.
    """
    per_s = SMALL_PER_S if kind == "small" else BIG_PER_S
    payload = ASK if kind == "small" else {**ASK, "context": LORE}
    body = encode_command(CommandMessage(new_id(), "inference.generate", payload, "any", Meta(actor="bench")))
    sent = told = shut_out = 0

    async def answered(message: Msg) -> None:
        nonlocal told, shut_out
        if message.data:
            told += isinstance(decode_reply(message.data), ErrorReply)
        else:  # the server's "no responders"
            shut_out += 1

    who = Identity("service", "flooder") if to == "service" else UNNAMED  # who alone may publish there
    subject = command_subject(REALM, "inference.generate", who) if to == "service" else NOBODYS
    async with connect(url_for(who), name="flooder") as nc:
        inbox = nc.new_inbox()
        await nc.subscribe(inbox, cb=answered)
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * per_s) - sent
            for _ in range(min(due, 500)):
                await nc.publish(subject, body, reply=inbox)
            sent += min(due, 500)
            await asyncio.sleep(0)
        figures = {"sent": sent, "told": told, "shut_out": shut_out}
        return {**figures, "bytes": len(body), "reconnects": nc.stats["reconnects"]}


if __name__ == "__main__":
    set_up("error", "console")
    side, length = sys.argv[1], float(sys.argv[2])
    work = innocent(length) if side == "innocent" else flood(length, *sys.argv[3:5])
    print(json.dumps(uvloop.run(work)))
