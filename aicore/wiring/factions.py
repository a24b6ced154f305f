"""The factions: what deeds do to them, the factions in memory, and who leads them through their days."""

from collections.abc import Mapping
from typing import Any

from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.definition import definition_in_memory
from aicore.wiring.parts import Part, Parts
from aicore.wiring.people import PLAYERS
from aicore.wiring.weather import Defined
from domain.factions.factions import FACTIONS, STREAM, Factions
from domain.factions.messages import COMMANDS, Deed
from domain.factions.queries import EmergedQuery, FactionsQuery
from handlers.factions.deeds import Authorship
from handlers.factions.leader import FactionsLeader
from handlers.factions.view import FactionsView
from handlers.kernel.commands import Binding


def _answer(command: Deed, state: Factions) -> Mapping[str, Any]:
    regard = state.regard(command.faction, command.other) if command.other else None
    return {
        "deed_id": command.deed_id,
        "faction": command.faction,
        "power": state.powers.get(command.faction),
        "regard": regard,
    }


DEEDS: Binding[Any, Any, Factions] = Binding(
    commands=COMMANDS, stream_of=lambda _: STREAM, decider=FACTIONS, answer=_answer
)


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(DEEDS,), serve={"commands": _leader, "queries": _queries})


async def factions_in_memory(parts: Parts) -> FactionsView:
    """Open the factions as of the log's last event about them (`Parts.once`)."""
    clock = await parts.once(clock_in_memory)
    return await parts.view(FactionsView(parts.log, clock, decode=parts.codec.decode))


async def _queries(parts: Parts) -> None:
    view = await parts.once(factions_in_memory)
    parts.served.queries |= {FactionsQuery: view.answer_now, EmergedQuery: view.answer_told}


async def _leader(parts: Parts) -> None:
    """Lead the factions whenever no other process does; see whose deeds are told."""
    view, realm, name = await parts.once(factions_in_memory), parts.system.realm, parts.name
    board = await parts.once(definition_in_memory)
    leader = FactionsLeader(parts.log, parts.codec, view, Defined(board), realm=realm, name=name)
    await parts.lead("factions", leader, view, view.clock, board)
    authorship = Authorship(parts.runner(), players=PLAYERS)
    commands = parts.served.commands
    commands[Deed.command_name] = authorship.before(commands[Deed.command_name])
