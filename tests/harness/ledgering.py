"""A process that leads a realm's ledger whenever no other one does, until it is killed."""

import asyncio
from typing import Any

from aicore.clock import new_id, now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.nats.peers import NatsLead
from bus.postgres.log import open_log
from bus.relay.leadership import while_leading
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known


async def ledger(options: dict[str, Any]) -> None:
    """Lead the ledger for ever."""
    dsn, realm, name = options["dsn"], options["realm"], options["name"]
    codec = EventCodec(domain_catalogue())
    async with (
        connect(options["nats"], name=name) as nc,
        open_log(dsn, realm, now_us=now_us) as log,
        asyncio.TaskGroup() as group,
    ):
        known, lead = Known(log, codec, lambda: None), NatsLead(nc, realm, "ledger", new_id)
        desk = Desk(known, Holders(log, codec), lead, realm=realm, name=name)
        group.create_task(desk.stand_by())
        group.create_task(while_leading(dsn, realm, desk.lead, work="ledger", name=name))
