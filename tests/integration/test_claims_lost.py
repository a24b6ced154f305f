"""Claims on command ids when JetStream loses them, or is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from aicore.clock import new_id
from aicore.embedded import EmbeddedNats
from bus.nats import claims as claims_module
from bus.nats.api import js_request
from bus.nats.claims import NatsClaims, open_claims
from bus.nats.connection import connect
from tests.unit.kit import until

pytestmark = pytest.mark.integration


@asynccontextmanager
async def two(url: str, realm: str) -> AsyncIterator[tuple[NatsClaims, NatsClaims]]:
    async with AsyncExitStack() as stack:
        found: list[NatsClaims] = []
        for _ in range(2):
            nc = await stack.enter_async_context(connect(url, name="claims"))
            found.append(await stack.enter_async_context(open_claims(nc, realm, new_id)))
        yield found[0], found[1]


async def delete(url: str, realm: str) -> None:
    async with connect(url, name="operator") as nc:
        await js_request(nc, f"STREAM.DELETE.CLAIMS_{realm}")


async def test_what_was_claimed_is_claimed_again_in_a_stream_that_was_made_anew(
    nats_server: EmbeddedNats, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_module, "WATCH_S", 0.05)
    async with two(nats_server.url, realm) as (one, other):
        ids = [new_id() for _ in range(50)]
        before = [await one.claim(id_) for id_ in ids]
        await delete(nats_server.url, realm)

        async def again() -> bool:
            return not one._away and not one._unclaimed and one._made != ""

        first = one._made
        await until(lambda: one._made != first)
        await until(again)
        assert {(await other.claim(id_)).owner for id_ in ids} == {one.process}
        await one.release(before[0])  # its revision is none of the new stream
        assert {(await other.claim(id_)).owner for id_ in ids} == {one.process}


async def test_who_finds_no_stream_makes_it(nats_server: EmbeddedNats, realm: str) -> None:
    async with two(nats_server.url, realm) as (one, other):
        await delete(nats_server.url, realm)
        for id_ in [new_id() for _ in range(10)]:
            claims = await asyncio.gather(one.claim(id_), other.claim(id_))
            assert sorted(claim.first for claim in claims) == [False, True]
            assert len({claim.owner for claim in claims}) == 1


async def test_while_jetstream_is_silent_one_waits_and_each_goes_on_alone(
    nats_server: EmbeddedNats, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: NatsClaims) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(NatsClaims, "mend", never)
    async with two(nats_server.url, realm) as (one, other):
        with monkeypatch.context() as patch:
            patch.setattr(claims_module, "CLAIM_S", 0.0)
            claims = [await process.claim(new_id()) for process in (one, other)]
        claims += [await process.claim(claims[0].id) for process in (one, other)]
        assert [(claim.ours, claim.first, claim.revision) for claim in claims] == [(True, False, 0)] * 4


async def test_a_restart_of_nats_forgets_no_claim(tmp_path: Path, realm: str) -> None:
    server = EmbeddedNats(tmp_path)
    server.start()
    try:
        async with two(server.url, realm) as (one, other):
            ids = [uuid4() for _ in range(50)]
            for id_ in ids:
                assert (await one.claim(id_)).first
            server.kill()
            during = uuid4()
            assert (await one.claim(during)).revision == 0
            server.start()
            await until(lambda: not one._away and not one._unclaimed)
            other._away = False
            await until(lambda: other._nc.is_connected)
            assert {(await other.claim(id_)).owner for id_ in [*ids, during]} == {one.process}
    finally:
        server.stop()
