"""A realm with a log, the projections' pool, and ways to write events of the slice's two contexts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import asyncpg

from aicore.embedded import EmbeddedPostgres
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog, NewEvent, StreamWrite
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from domain.inference.messages import InferenceCompleted, InferenceFailed
from domain.ledger.messages import MOVE, Held, HoldExpired, HoldPosted, HoldVoided, Reversed, Transferred
from domain.market.messages import PricesPosted
from domain.quests.messages import Accepted
from handlers.kernel.commands import CommandRunner
from projections.kernel.runner import ProjectionRunner
from projections.kernel.view import View
from protocol.meta import Meta
from tests.unit.kit import ident, message, model, runner_on
from tests.unit.spec import changed

START_US = 1_700_000_000_000_000


@dataclass
class Realm:
    dsn: str
    name: str
    log: EventLog
    codec: EventCodec
    pool: asyncpg.Pool

    def projection(self, view: View) -> ProjectionRunner:
        return ProjectionRunner(
            self.pool, self.log, view, decode_page=self.codec.decode_page, now_us=lambda: START_US
        )

    def commands(self) -> CommandRunner:
        return runner_on(self.log, self.codec)

    async def write_models(self, versions: int) -> None:
        runner = self.commands()
        for version in range(versions):
            await runner(message("registry.register_model", model(str(version))))

    async def write_outcomes(self, number: int) -> None:
        """Append outcomes with latencies of 1, 2, 3, … ms; every tenth one failed."""
        events: list[NewEvent] = []
        for n in range(1, number + 1):
            event: Any = changed(InferenceCompleted.from_example(), latency_ms=float(n), cost_micro=n)
            if n % 10 == 0:
                event = InferenceFailed.from_example()
            events.append(self.codec.encode(event, ident(), Meta()))
        for start in range(0, number, 500):
            stream = f"inference-{ident().hex}"
            await self.log.append(StreamWrite(stream, events[start : start + 500]))

    async def write_transfers(self) -> None:
        """Append what changes balances, one event of each kind, and a coin that was minted."""
        minted = changed(Transferred.from_example(), moves=[{**MOVE, "payer": "source.mint"}])
        events = [
            minted,
            *(kind.from_example() for kind in (Held, HoldPosted, HoldVoided, HoldExpired, Reversed)),
        ]
        new = [self.codec.encode(event, ident(), Meta()) for event in events]
        await self.log.append(StreamWrite("ledger-realm", new))

    async def write_world(self) -> None:
        """Append a quest that was taken and what a stall posted."""
        for stream, event in (
            (f"quest-{Accepted.from_example().instance}", Accepted.from_example()),
            ("market-lamp_yard", PricesPosted.from_example()),
        ):
            await self.log.append(StreamWrite(stream, [self.codec.encode(event, ident(), Meta())]))

    async def rows(self, view: View) -> list[dict[str, Any]]:
        query = f"SELECT * FROM {view.name} ORDER BY {', '.join(view.key)}"
        return [dict(row) for row in await self.pool.fetch(query)]

    async def checkpoint(self, view: View) -> dict[str, Any]:
        return dict(
            await self.pool.fetchrow("SELECT * FROM projection_checkpoint WHERE name = $1", view.name)
        )


@asynccontextmanager
async def open_realm(postgres: EmbeddedPostgres, name: str) -> AsyncIterator[Realm]:
    """Migrate a fresh realm and open its log and the projector's pool; both are closed afterwards."""
    await migrate(postgres.dsn, name)
    clock = count(START_US)
    pool = await connect_pool(postgres.dsn, name, role="aicore_projector")
    try:
        async with open_log(postgres.dsn, name, now_us=lambda: next(clock), skew_us_max=None) as log:
            yield Realm(postgres.dsn, name, log, EventCodec(domain_catalogue()), pool)
    finally:
        await pool.close()
