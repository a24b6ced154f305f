"""Makes the durable consumers of the services that may follow events, once there is a stream of them."""

import asyncpg
from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError

from aicore.embedded.keyring import Keyring
from aicore.running import System
from bus.nats.api import JetStreamError, JetStreamUnavailable
from bus.nats.followers import ensure_follower
from bus.permissions import consumers_of, follower_filters
from bus.postgres.connect import connect
from bus.relay.floors import recorded
from bus.retry import until_done

RETRY_S = 0.5
AWAY = (JetStreamUnavailable, JetStreamError, NatsError, OSError, asyncpg.PostgresError)


async def make_followers(system: System, nc: Nats, keyring: Keyring) -> None:
    """Make those of a keyring's services that the relay has never seen; it keeps the others."""

    async def once() -> None:
        kept = await _kept(system)
        for grants in keyring.clients:
            filters = follower_filters(system.realm, grants)
            for name in consumers_of(system.realm, grants):
                if name not in kept:
                    await ensure_follower(nc, system.realm, name, filters)

    await until_done(once, on=AWAY, pause=RETRY_S)


async def _kept(system: System) -> set[str]:
    """Return the names of the consumers that the relay makes again where they were."""
    reader = await connect(system.dsn_of("aicore_reader"), system.realm, role="aicore_reader")
    try:
        return {floor.name for floor in await recorded(reader)}
    finally:
        await reader.close()
