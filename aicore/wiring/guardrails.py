"""Guardrails: the active policy, its commands, and violations."""

from aicore.content.guardrails import DEFAULT_PROFILE, load_policy
from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from domain.guardrails.compiler import compile_policy
from domain.guardrails.queries import PolicyQuery, ViolationsQuery
from handlers.guardrails.active import ActivePolicy
from handlers.guardrails.board import ViolationBoard
from handlers.guardrails.guard import POLICY_BINDING, VIOLATION_BINDING


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(POLICY_BINDING, VIOLATION_BINDING), serve={"queries": _queries})


async def active_policy(parts: Parts) -> ActivePolicy:
    """Open the policy that holds, known before anything is said, and kept up to date (`Parts.once`)."""
    compiled = compile_policy(load_policy(), DEFAULT_PROFILE)
    policy = ActivePolicy(parts.log, compiled, decode=parts.codec.decode)
    await policy.load()
    return await parts.view(policy)


async def _queries(parts: Parts) -> None:
    board = await parts.view(ViolationBoard(parts.log, load_policy(), decode=parts.codec.decode))
    parts.served.queries |= {ViolationsQuery: board.answer, PolicyQuery: board.answer_policy}
