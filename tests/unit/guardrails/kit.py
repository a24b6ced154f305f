"""The default policy, compiled once for all tests of a process, and not before one needs it.

That takes a quarter of a second for each profile, and every worker collects every file.
"""

from functools import cache

from aicore.content.guardrails import load_policy
from domain.guardrails.compiled import Compiled
from domain.guardrails.compiler import compile_policy

CANARY = "CANARY-7f3a-ropewalk"


@cache
def mature() -> Compiled:
    """What holds until another policy is activated."""
    return compile_policy(load_policy(), "MatureFullExperience")


@cache
def teen() -> Compiled:
    """The same rules, for those who are not grown up."""
    return compile_policy(load_policy(), "TeenSafe")


@cache
def with_canary() -> Compiled:
    """`mature`, and a mark that must never be said."""
    policy = load_policy().model_copy(update={"canaries": [CANARY]})
    return compile_policy(policy, "MatureFullExperience")
