"""What the commands that speak over the public wire share."""

import difflib

from aicore.cli.common import Exit, Failure
from aicore.client import Client


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
