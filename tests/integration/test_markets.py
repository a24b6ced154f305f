"""Stalls of the sample world on a real log: a day opens, somebody buys, and what was posted can be asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID, uuid5

import pytest

from aicore.content.sample_world import sample_entries
from aicore.embedded import EmbeddedPostgres
from bus.memory import MemoryLead
from bus.ports import StreamWrite
from domain.definition.entries import digest_of
from domain.definition.messages import EntryDefined, VersionPublished
from domain.ledger.commands import DeclareFlow, OpenAccount, Transfer
from domain.market.commands import Buy
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from handlers.market.access import Access
from handlers.market.answers import StallAnswers
from handlers.market.keeper import StallKeeper
from handlers.market.orders import Orders
from handlers.market.view import Stalls
from projections.kernel.reading import Reader
from projections.market.prices import MARKET_PRICES, prices
from tests.integration.projection_kit import Realm, open_realm
from tests.integration.test_ledger import _catch_up, _pool
from tests.unit.kit import until
from tests.unit.ledger.desk_kit import CODEC, message
from tests.unit.ledger.kit import move
from tests.unit.market.kit import Around

pytestmark = pytest.mark.integration

UNA = "person.una_pell"


@pytest.fixture
async def place(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Realm]:
    async with open_realm(postgres, realm) as opened_realm:
        yield opened_realm


async def load_sample(place: Realm) -> None:
    """Write down the sample world, as `aicore world load` does."""
    entries = sample_entries()
    events = [
        EntryDefined(section=key.section, entry_id=key.id, written=written, digest=digest_of(written))
        for key, written in entries.items()
    ]
    version = VersionPublished(
        number=1, digest="sha256:" + "0" * 64, entries=len(events), operator="test", reason="a test"
    )
    ids = [uuid5(UUID(int=9), str(number)) for number in range(len(events) + 1)]
    new = [CODEC.encode(event, id_) for event, id_ in zip([*events, version], ids, strict=True)]
    await place.log.append(StreamWrite("world-definition", new))


async def test_a_day_opens_somebody_buys_and_the_board_can_be_asked(place: Realm) -> None:
    await load_sample(place)
    day = 0
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        desk = Desk(
            Known(place.log, CODEC, lambda: None),
            Holders(place.log, CODEC),
            MemoryLead(),
            realm="r",
            name="q",
        )
        view = Stalls(place.log, decode=CODEC.decode)
        tasks = [group.create_task(desk.lead()), group.create_task(view.run())]
        await until(lambda: desk.leads)
        access, around = Access(place.log, CODEC, view, desk), Around()
        keeper = StallKeeper(access, today=lambda: day, realm=place.name)
        await keeper.turn()
        await desk(message("wages", DeclareFlow(account="source.wages", says="Wages")))
        await desk(message("una", OpenAccount(account=UNA)))
        pay = Transfer(moves=[move("source.wages", UNA, 100_000, "crowns")], reason="wages")
        await desk(message("pay", pay))
        buy = Buy(market="lamp_yard", good="lamp_oil", quantity=40, account=UNA)
        bought = await Orders(access, around)(message("buy", buy))
        day = 1
        await keeper.turn()
        answers = StallAnswers(view, around)
        board, _ = await answers.board({"market": "lamp_yard"})
        oil = next(each for each in board["goods"] if each["good"] == "lamp_oil")
        assert (oil["price"], oil["stock"], oil["coming"], oil["short"]) == (43, 8, 12, True)
        stalls, _ = await answers.markets({})
        assert len(stalls) == len(view.stalls) == 25
        assert sum(each["short"] for each in stalls) == 1

        reader = Reader(await stack.enter_async_context(_pool(place)), place.log)
        await _catch_up(place, MARKET_PRICES)
        assert (await place.projection(MARKET_PRICES).verify()).ok
        asked = {"market": "lamp_yard", "good": "lamp_oil"}
        found, _ = await prices(reader, asked)
        assert [(each["day"], each["price"], each["bought"]) for each in found] == [(1, 43, 40), (0, 40, 0)]
        before, _ = await prices(reader, {**asked, "as_of": bought.events[0].position})
        assert [each["day"] for each in before] == [0]
        for task in tasks:
            task.cancel()
