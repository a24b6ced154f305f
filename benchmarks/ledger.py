"""Durable transfers of 32 callers: the ledger beside a plpgsql function with SELECT … FOR UPDATE.

Accounts are chosen uniformly, or by a Zipf law of exponent 1.5, where a few are in most transfers. Both sides
run in turn on the same server with the same transfers: the function on one session for each caller, each
transfer its own commit, with its id, its row and both balances; the ledger at its desk, as a service hands a
command over, with an event in the log's hash chain. Neither side's way over NATS or HTTP is in it.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, cycle
from random import Random

import asyncpg

from aicore.clock import new_id, now_us
from benchmarks import peers
from benchmarks.harness import Progress, Report, in_turn, percentile, rounds_of, servers, settle
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLead
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from domain.ledger.commands import DeclareFlow, LedgerCommand, OpenAccount, OpenUnit, Transfer
from domain.ledger.vocabulary import Move
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from protocol.messages import CommandMessage
from protocol.meta import Meta

REALM = "bench"
CALLERS = 32
ACCOUNTS = 1_000
EXPONENT = 1.5
PAIRS = 20_000
RICH = 10**12

SENDER = Meta(actor="operator:bench")

Pair = tuple[int, int]

# The peer: accounts are locked in the order of their ids, so that no two transfers wait for each other.
PEER = """
CREATE TABLE peer_account (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE peer_transfer (
    id uuid PRIMARY KEY, payer int NOT NULL, payee int NOT NULL, amount bigint NOT NULL,
    payer_after bigint NOT NULL, payee_after bigint NOT NULL, at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION peer_pay(transfer uuid, payer int, payee int, amount bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    has bigint;
    left_over bigint;
    gets bigint;
BEGIN
    PERFORM 1 FROM peer_account WHERE id IN (payer, payee) ORDER BY id FOR UPDATE;
    SELECT balance INTO has FROM peer_account WHERE id = payer;
    IF has < amount THEN
        RAISE EXCEPTION 'account % has %, not %', payer, has, amount;
    END IF;
    UPDATE peer_account SET balance = balance - amount WHERE id = payer RETURNING balance INTO left_over;
    UPDATE peer_account SET balance = balance + amount WHERE id = payee RETURNING balance INTO gets;
    INSERT INTO peer_transfer VALUES (transfer, payer, payee, amount, left_over, gets);
    RETURN left_over;
END $$;
"""


def pairs_of(exponent: float) -> Sequence[Pair]:
    """Return payers and payees; an account's share is its number to the power of -exponent."""
    dice = Random(1_130)
    weights = list(accumulate((number + 1) ** -exponent for number in range(ACCOUNTS)))
    found: list[Pair] = []
    while len(found) < PAIRS:
        payer, payee = dice.choices(range(ACCOUNTS), cum_weights=weights, k=2)
        if payer != payee:
            found.append((payer, payee))
    return found


class Peer:
    """Sessions on which the function is called."""

    def __init__(self, sessions: Sequence[asyncpg.Connection]) -> None:
        self._sessions = sessions

    async def rate(self, pairs: Sequence[Pair], seconds: float) -> float:
        """Return transfers per second."""
        source, end, done = cycle(pairs), time.perf_counter() + seconds, 0

        async def pay(session: asyncpg.Connection) -> None:
            nonlocal done
            call = await session.prepare("SELECT peer_pay($1, $2, $3, 1)")
            while time.perf_counter() < end:
                await call.fetchval(new_id(), *next(source))
                done += 1

        began = time.perf_counter()
        await asyncio.gather(*map(pay, self._sessions))
        return done / (time.perf_counter() - began)


class Ours:
    """A desk that leads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.waits: list[float] = []

    async def ask(self, command: LedgerCommand) -> None:
        """Hand a command over, as a service does."""
        await self._desk(
            CommandMessage(new_id(), type(command).command_name, command.model_dump(), meta=SENDER)
        )

    async def open(self) -> None:
        """Open the accounts, and make all rich."""
        await self.ask(OpenUnit(unit="crown", kind="currency", digits=0, says=""))
        await self.ask(DeclareFlow(account="source.mint", says=""))
        await asyncio.gather(*(self._open(number) for number in range(ACCOUNTS)))

    async def _open(self, number: int) -> None:
        await self.ask(OpenAccount(account=name_of(number)))
        move = Move(unit="crown", payer="source.mint", payee=name_of(number), amount=RICH)
        await self.ask(Transfer(moves=[move], reason="start"))

    async def rate(self, pairs: Sequence[Pair], seconds: float) -> float:
        """Return transfers per second."""
        source, end, done = cycle(pairs), time.perf_counter() + seconds, 0

        async def pay() -> None:
            nonlocal done
            while (asked := time.perf_counter()) < end:
                await self._desk(_message(source))
                self.waits.append((time.perf_counter() - asked) * 1e3)
                done += 1

        began = time.perf_counter()
        await asyncio.gather(*(pay() for _ in range(CALLERS)))
        return done / (time.perf_counter() - began)


def name_of(number: int) -> str:
    """Return an account's name."""
    return f"player.p{number}"


def _message(source: Iterator[Pair]) -> CommandMessage:
    payer, payee = next(source)
    move = {"unit": "crown", "payer": name_of(payer), "payee": name_of(payee), "amount": 1}
    return CommandMessage(new_id(), Transfer.command_name, {"moves": [move], "reason": "trade"}, meta=SENDER)


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("ledger", rounds_of(quick))
    seconds = 1.0 if quick else 3.0
    with servers() as (postgres, _):
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        sessions = [await peers.bare_session(postgres.dsn, REALM) for _ in range(CALLERS)]
        await sessions[0].execute(PEER)
        fill = "INSERT INTO peer_account SELECT n, $1 FROM generate_series(0, $2 - 1) AS n"
        await sessions[0].execute(fill, RICH, ACCOUNTS)
        report.facts |= {
            name: await sessions[0].fetchval(f"SHOW {name}") for name in ("server_version", "fsync")
        }
        report.facts |= {"callers": CALLERS, "accounts": ACCOUNTS, "zipf_exponent": EXPONENT}
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log, asyncio.TaskGroup() as group:
            codec = EventCodec(domain_catalogue())
            known, holders = Known(log, codec, lambda: None), Holders(log, codec)
            desk = Desk(known, holders, MemoryLead(), realm=REALM, name="bench")
            leading = group.create_task(desk.lead())
            await _measure(report, Ours(desk), Peer(sessions), seconds, progress)
            leading.cancel()
        for session in sessions:
            with suppress(asyncpg.PostgresError, OSError):
                await session.close()
    return report


async def _measure(report: Report, ours: Ours, peer: Peer, seconds: float, progress: Progress) -> None:
    await ours.open()
    laws = {"uniform": pairs_of(0.0), "zipf": pairs_of(EXPONENT)}
    for pairs in laws.values():
        await ours.rate(pairs, 0.3)
        await peer.rate(pairs, 0.3)
    for _ in range(report.rounds):
        for law, pairs in laws.items():
            ours.waits.clear()
            sides = {
                "aicore": lambda pairs=pairs: ours.rate(pairs, seconds),
                "plpgsql": lambda pairs=pairs: peer.rate(pairs, seconds),
            }
            rates = await in_turn(sides, progress, law)
            for side, rate in rates.items():
                report.add(f"{side}_{law}", rate, "transfers/s")
            report.compare(f"vs_plpgsql_{law}", rates["aicore"], rates["plpgsql"])
            report.add(f"p99_ms_{law}", percentile(ours.waits, 0.99), "ms")
