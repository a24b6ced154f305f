"""A NATS server that is too old is refused at the start, by its number."""

import asyncio
import json

import pytest

from bus.nats.connection import BrokerTooOld, connect, see_new_enough


async def greet(version: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet as a server of that version does."""
    about = {"server_id": "old", "version": version, "proto": 1, "headers": True, "max_payload": 1_048_576}
    writer.write(b"INFO " + json.dumps(about).encode() + b"\r\n")
    async for line in reader:
        if line.startswith(b"PING"):
            writer.write(b"PONG\r\n")
    writer.close()


@pytest.mark.parametrize(("version", "told"), [("2.9.10", "2.9.10"), ("2.11.0", "2.11.0"), ("2.12.0", "")])
async def test_a_server_older_than_what_is_needed_is_named(version: str, told: str) -> None:
    async with await asyncio.start_server(lambda r, w: greet(version, r, w), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"nats://127.0.0.1:{port}", name="test") as nc:
            try:
                see_new_enough(nc)
                said = ""
            except BrokerTooOld as error:
                said = str(error)
    assert said == (f"the NATS server is {told}; 2.12 or newer is needed" if told else "")
