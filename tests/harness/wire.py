"""Plain connections of nats-py, as a client in another program would make them."""

from typing import Any

import nats
from nats.aio.client import Client

from bus.nats.address import parse_address
from protocol.identity import UNNAMED


async def dial(url: str, **options: Any) -> Client:
    """Connect as whom the address names, with a key if it holds one."""
    address = parse_address(url)
    inbox = (address.identity or UNNAMED).inbox
    client: Client = await nats.connect(**address.options(), inbox_prefix=inbox, **options)
    return client
