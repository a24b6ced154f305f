"""Loads the guardrails that the program brings along."""

import tomllib
from functools import lru_cache
from importlib.resources import files

from domain.guardrails.policy import Policy, policy_from

DEFAULT_PROFILE = "MatureFullExperience"
"""Profile until an operator activates another one: the sample game is for adults."""


@lru_cache(1)
def load_policy() -> Policy:
    """Return the default policy.

    Raises:
        domain.guardrails.policy.PolicyError: the file is wrong, naming the rule and the place.
    """
    text = files("aicore.content").joinpath("guardrails.toml").read_text(encoding="utf-8")
    return policy_from(tomllib.loads(text))
