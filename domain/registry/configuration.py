"""Keys of a model's configuration: any are kept, a few are read, and some look like one that is read."""

import difflib
from collections.abc import Iterable, Mapping

READ: Mapping[str, str] = {
    "template": "NAME@VERSION of the template that makes its prompts",
    "prompt_template": "its prompt itself, with {prompt} in it, where there is no template",
    "tier": "the tier that its turns go to",
    "cost_micro_per_1k_tokens": "price of 1,000 tokens, asked or answered, in millionths",
}
"""Keys of a configuration that are read, and their meanings. The rest is for people and other programs."""

LIKE = 0.75
"""How alike a misspelt key is, as a ratio of `difflib`: one or two letters of the shortest key."""


def misspelt(keys: Iterable[str]) -> Mapping[str, str]:
    """Return the keys that are nearly one that is read, with that one."""
    found = {}
    for key in keys:
        if key not in READ and (near := difflib.get_close_matches(key.lower(), READ, n=1, cutoff=LIKE)):
            found[key] = near[0]
    return found
