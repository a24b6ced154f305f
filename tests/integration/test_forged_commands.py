"""Forged commands over the wire: each is refused by its code, and the world is as it was.

Real handlers, NATS with keys of its own, and Postgres. The world goes (weather, factions, stalls, people),
then stands still, so that whatever is in the log afterwards came of them. `forged(stage, n)` is the n-th.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from aicore.embedded import EmbeddedPostgres
from protocol.messages import CommandMessage, ErrorReply, Reply, encode_command
from tests.harness.folded import folded
from tests.integration.forged_commands import ANSWERED, KINDS, Forged, forged
from tests.integration.forged_stage import GAME, MIRA, Stage, opened_stage
from tests.unit.kit import in_case

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

NAMES = {"mira": MIRA, "game": GAME}


async def sent(stage: Stage, command: Forged) -> str:
    """Send a forged command; return the code that it came to."""
    client = stage.clients[command.who]
    who = NAMES.get(command.as_who, command.as_who) or client.identity
    subject = f"{command.realm or stage.realm}.cmd.{command.name}.{who}"
    message = CommandMessage(
        command.id or stage.fresh(), command.name, command.payload, expected=command.expected
    )
    reply = await client.request(subject, encode_command(message))
    if isinstance(reply, ErrorReply):
        return reply.code
    if command.first is not None:
        first = command.first.reply
        assert reply == Reply(first.result, first.events, duplicate=True)
        return ANSWERED
    return f"carried out: {reply}"


async def all_refused(stage: Stage, numbers: range) -> Mapping[str, int]:
    """Send forged commands; return how many came to each code. Nothing may be recorded meanwhile."""
    before, position = await folded(stage.log), await stage.position()
    codes = Counter[str]()
    for number in numbers:
        kind, command = forged(stage, number)
        with in_case(f"{number}, {kind}: {command}"):
            code = await sent(stage, command)
            assert code == command.code
            assert await stage.position() == position
            codes[code] += 1
    assert await folded(stage.log) == before
    return codes


async def test_a_forged_command_of_each_kind_is_refused_and_changes_nothing(
    postgres: EmbeddedPostgres, realm: str, tmp_path: Path
) -> None:
    async with opened_stage(postgres, realm, tmp_path, 2) as stage:
        codes = await all_refused(stage, range(len(KINDS)))
        assert len(codes) > 30
        before = await folded(stage.log)

        await stage.does("mira", "ledger.open_account", account="player.honest")  # the negative control
        await stage.does("game", "session.open", player="honest")
        after = await folded(stage.log)
        assert {part for part in before if before[part] != after[part]} == {"ledger", "players"}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_thousand_forged_commands_are_refused_and_change_nothing(
    postgres: EmbeddedPostgres, realm: str, tmp_path: Path
) -> None:
    async with opened_stage(postgres, realm, tmp_path, 48) as stage:
        names = {done.name for done in stage.done}
        codes = await all_refused(stage, range(len(names) * len(KINDS)))  # each is repeated in each way
    print(sum(codes.values()), dict(sorted(codes.items())))
    assert sum(codes.values()) >= 1_000
