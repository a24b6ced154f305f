"""What the commands that speak over the public wire share."""

import difflib
import re

from aicore.cli.common import Exit, Failure
from aicore.client import Client
from protocol.messages import ErrorReply

COMMANDS = {
    "registry.register_model": "models register",
    "registry.promote_model": "models promote",
    "registry.retire_model": "models retire",
    "registry.set_alias": "models alias",
    "registry.shift_traffic": "models traffic",
    "registry.models": "models list",
    "deployment.start": "deployments start",
    "deployment.hold": "deployments hold",
    "deployment.resume": "deployments resume",
    "deployment.abort": "deployments abort",
    "deployment.roll_back": "deployments roll-back",
    "deployment.list": "deployments list",
    "evaluation.start": "evaluate",
    "prompts.register_template": "templates register",
    "batch.open": "batch submit",
    "batch.list": "batch list",
    "guardrails.publish_policy": "guardrails publish",
    "guardrails.violations": "guardrails violations",
}
"""The command of ours behind a message that a remedy of the services may name."""

_MESSAGE = re.compile(r"(?<!events show )(?:the query )?\b([a-z]+\.[a-z_]+)\b")


async def check_use_case(client: Client, use_case: str | None) -> None:
    """Refuse a use case that no model serves, naming those that there are; None stands for all of them.

    Raises:
        Failure: there is no such use case.
    """
    if use_case is None:
        return
    there = sorted({model["use_case"] for model in (await client.query("registry.models")).result})
    if use_case not in there:
        near = difflib.get_close_matches(use_case, there, n=1)
        did_you_mean = f"did you mean {near[0]}? " if near else ""
        raise Failure(
            f"no model is registered for the use case {use_case!r}",
            remedy=f"{did_you_mean}there are {', '.join(there) or 'none'}",
            code=Exit.USAGE,
        )


def advice(error: ErrorReply) -> str:
    """Return what somebody at a terminal can do about a refusal."""
    when = f" after {error.retry_after_ms} ms" if error.retry_after_ms else ""
    retry = {"later": f"send it again{when}", "reload": "read the state again and decide anew", "never": ""}
    remedy = _MESSAGE.sub(lambda found: _command(found[1]) or found[0], error.remedy)
    return "; ".join(part for part in (remedy, retry[error.retry]) if part)


def _command(message: str) -> str:
    return f"`aicore {COMMANDS[message]}`" if message in COMMANDS else ""
