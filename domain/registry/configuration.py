"""Keys of a model's configuration: any are kept, a few are read, and some look like one that is read."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import get_args

from domain.inference.facts import MICRO_DOLLARS_MAX
from domain.kernel.decider import Rejected
from domain.kernel.vocabulary import Tier

READ: Mapping[str, str] = {
    "template": "NAME@VERSION of the template that makes its prompts",
    "prompt_template": "its prompt itself, with {prompt} in it, where there is no template",
    "tier": "the tier that its turns go to",
    "cost_micro_per_1k_tokens": "price of 1,000 tokens, asked or answered, in millionths",
}
"""Keys of a configuration that are read, and their meanings. The rest is for people and other programs."""

TIERS: tuple[str, ...] = get_args(get_args(Tier)[0])

TEMPLATE = re.compile(r"[^\s@]{1,128}@[^\s@]{1,64}")

LIKE = 0.75
"""How alike a misspelt key is, as a ratio of `difflib`: one or two letters of the shortest key."""


def misspelt(keys: Iterable[str]) -> Mapping[str, str]:
    """Return the keys that are nearly one that is read, with that one."""
    found = {}
    for key in keys:
        if key not in READ and (near := difflib.get_close_matches(key.lower(), READ, n=1, cutoff=LIKE)):
            found[key] = near[0]
    return found


def check_usable(configuration: Mapping[str, object]) -> None:
    """Refuse a value of a key that is read, if it cannot mean anything there: it would be taken for none.

    Raises:
        Rejected: ``configuration_unusable``, naming the key. Values of older events are never checked.
    """
    for key, value in configuration.items():
        if value is not None and (wrong := _wrong(key, value)):
            raise Rejected(
                "configuration_unusable",
                f"{key} is {_short(value)}; it is {READ[key]}",
                field=f"configuration.{key}",
                remedy=wrong,
            )


def _wrong(key: str, value: object) -> str:
    """Return what to do about the value of a key; "" if it can be used."""
    match key, value:
        case "tier", str() if value in TIERS:
            return ""
        case "tier", _:
            near = difflib.get_close_matches(str(value).lower(), TIERS, n=1, cutoff=0.5)
            return f"did you mean {near[0]}?" if near else f"there are {', '.join(TIERS)}"
        case "cost_micro_per_1k_tokens", bool():
            return "give a number"
        case "cost_micro_per_1k_tokens", int() | float() if 0 <= value <= MICRO_DOLLARS_MAX:
            return ""
        case "cost_micro_per_1k_tokens", _:
            return f"give a number from 0 to {MICRO_DOLLARS_MAX}"
        case "template", str() if TEMPLATE.fullmatch(value):
            return ""
        case "template", _:
            return "write NAME@VERSION; `aicore templates list` shows those there are"
        case "prompt_template", str():
            return ""
        case "prompt_template", _:
            return "give a text"
        case _:
            return ""


def _short(value: object) -> str:
    return repr(value)[:60]
