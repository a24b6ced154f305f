"""The contract of claims on command ids, as one suite that every adapter passes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from aicore.embedded import EmbeddedNats
from bus.memory import ClaimBoard, MemoryClaims
from bus.nats import claims as nats_claims
from bus.nats.claims import NatsClaims, open_claims
from bus.nats.connection import connect
from bus.ports import Claim, OwnerGone, OwnerSilent
from domain.kernel.decider import Rejected
from protocol.messages import CommandMessage, ErrorReply, Reply
from protocol.meta import Meta

Process = MemoryClaims | NatsClaims
WITHIN_S = 5.0


@dataclass
class Realm:
    """Processes that know each other."""

    begin: Callable[[], Awaitable[Process]]
    end: Callable[[Process], Awaitable[None]]


@asynccontextmanager
async def memory() -> AsyncIterator[Realm]:
    board = ClaimBoard()

    async def begin() -> Process:
        return MemoryClaims(board, uuid4())

    async def end(process: Process) -> None:
        board.answers.pop(process.process, None)

    yield Realm(begin, end)


@asynccontextmanager
async def nats(url: str, realm: str) -> AsyncIterator[Realm]:
    async with AsyncExitStack() as stack:
        alive: dict[str, AsyncExitStack] = {}

        async def begin() -> Process:
            own = await stack.enter_async_context(AsyncExitStack())
            nc = await own.enter_async_context(connect(url, name="claims"))
            claims = await own.enter_async_context(open_claims(nc, realm, uuid4))
            alive[claims.process] = own
            return claims

        async def end(process: Process) -> None:
            await alive[process.process].aclose()

        yield Realm(begin, end)


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.integration)])
async def processes(
    request: pytest.FixtureRequest, realm: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Realm]:
    monkeypatch.setattr(nats_claims, "OWNER_BACK_S", 0.1)
    if request.param == "memory":
        async with memory() as opened:
            yield opened
        return
    server: EmbeddedNats = request.getfixturevalue("nats_server")
    async with nats(server.url, realm) as opened:
        yield opened


def command(id_: UUID) -> CommandMessage:
    return CommandMessage(id_, "inference.generate", {"prompt": "who"}, "any", Meta(actor="game:one"))


async def test_who_claims_first_has_the_id(processes: Realm) -> None:
    one, two, id_ = await processes.begin(), await processes.begin(), uuid4()
    first, again, other = await one.claim(id_), await one.claim(id_), await two.claim(id_)
    assert (first.ours, first.first, first.owner) == (True, True, one.process)
    assert (again.ours, again.first) == (True, False), "it may have been answered meanwhile"
    assert (other.ours, other.first, other.owner) == (False, False, one.process)
    assert first.revision == again.revision == other.revision > 0


async def test_of_many_at_once_one_has_it(processes: Realm) -> None:
    several = [await processes.begin() for _ in range(4)]
    for id_ in [uuid4() for _ in range(20)]:
        claims = await asyncio.gather(*(process.claim(id_) for process in several))
        assert [claim.first for claim in claims].count(True) == 1
        assert len({claim.owner for claim in claims}) == 1


async def test_what_was_released_is_anybodys(processes: Realm) -> None:
    one, two, id_ = await processes.begin(), await processes.begin(), uuid4()
    await one.release(await one.claim(id_))
    async with asyncio.timeout(WITHIN_S):
        while not (claim := await two.claim(id_)).ours:
            pass
    assert claim.first


async def test_a_late_release_takes_nothing_from_the_next_owner(processes: Realm) -> None:
    one, two, id_ = await processes.begin(), await processes.begin(), uuid4()
    early = await one.claim(id_)
    assert (await two.inherit(await two.claim(id_))).ours
    await one.release(early)
    assert (await one.claim(id_)).owner == two.process


async def test_one_of_many_heirs_inherits(processes: Realm) -> None:
    one, heirs, id_ = await processes.begin(), [await processes.begin() for _ in range(3)], uuid4()
    await one.claim(id_)
    seen = [await heir.claim(id_) for heir in heirs]
    got = await asyncio.gather(*(heir.inherit(claim) for heir, claim in zip(heirs, seen, strict=True)))
    assert [claim.ours for claim in got].count(True) == 1
    assert len({claim.owner for claim in got}) == 1
    assert not any(claim.first for claim in got)


async def asked(
    processes: Realm, answer: Callable[[CommandMessage], Awaitable[Reply]]
) -> tuple[Process, Claim]:
    """Return a process that found the id claimed by one that has ``answer``."""
    one, two, id_ = await processes.begin(), await processes.begin(), uuid4()
    one.answer_with(answer)
    await one.claim(id_)
    return two, await two.claim(id_)


async def test_the_owner_answers_the_command_as_it_came(processes: Realm) -> None:
    got: list[CommandMessage] = []

    async def answer(message: CommandMessage) -> Reply:
        got.append(message)
        return Reply({"text": "Hm."}, duplicate=True)

    two, claim = await asked(processes, answer)
    reply = await two.ask(claim, command(claim.id), WITHIN_S)
    assert isinstance(reply, Reply)
    assert (reply.result, reply.duplicate) == ({"text": "Hm."}, True)
    assert got == [command(claim.id)]


async def test_the_owners_refusal_is_told_with_when_to_come_again(processes: Realm) -> None:
    async def answer(_: CommandMessage) -> Reply:
        refusal = Rejected("overloaded", "too much", field="f", remedy="later")
        refusal.retry_after_ms = 70
        raise refusal

    two, claim = await asked(processes, answer)
    found = await two.ask(claim, command(claim.id), WITHIN_S)
    assert isinstance(found, ErrorReply)
    assert (found.code, found.field, found.retry, found.retry_after_ms) == ("overloaded", "f", "later", 70)


async def test_an_owner_that_ended_is_gone(processes: Realm) -> None:
    async def answer(_: CommandMessage) -> Reply:
        return Reply({})

    one, two, id_ = await processes.begin(), await processes.begin(), uuid4()
    one.answer_with(answer)
    await one.claim(id_)
    claim = await two.claim(id_)
    await processes.end(one)
    with pytest.raises(OwnerGone):
        await two.ask(claim, command(id_), WITHIN_S)


async def test_an_owner_that_says_nothing_is_silent(processes: Realm) -> None:
    go = asyncio.Event()

    async def answer(_: CommandMessage) -> Reply:
        await go.wait()
        return Reply({})

    two, claim = await asked(processes, answer)
    with pytest.raises(OwnerSilent):
        await two.ask(claim, command(claim.id), 0.1)
    go.set()
