"""The functional suites of the guardrails: templates by what a line does, filled, and spelled in many ways.

In the manner of HateCheck (Röttger et al., "HateCheck: Functional Tests for Hate Speech Detection Models",
ACL 2021): each case tests one function of language, so that a figure says what is missed, not only how much.
Everything is derived from the templates by counting; the same file gives the same cases.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from aicore.content.world import load_world

FILE = Path(__file__).with_suffix(".toml")

PASSING = 6
"""Fillings of a template that must pass."""

STOPPING = 8
"""Cases of a template that must not: three as they stand, the others each spelled in another way."""

PLAIN = 3
CANARY = "CANARY-7f3a-ropewalk"


@dataclass(frozen=True, slots=True)
class Case:
    """A line, and what is expected of the guardrails."""

    part: Literal["development", "heldout", "afterwards"]
    expect: Literal["pass", "stop"]
    category: str
    """What a line that must stop breaks; "fiction" for the others."""
    function: str
    side: Literal["input", "output"]
    spelling: str
    text: str


_LEET = str.maketrans("aeiosAEIOS", "4310543105")
_ALIKE = str.maketrans("aceopxyi", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456")
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "leet": lambda text: text.translate(_LEET),
    "spaced": lambda text: "  ".join(" ".join(word) for word in text.split(" ")),
    "zero_width": "\u200b".join,
    "look_alike": lambda text: text.translate(_ALIKE),
    "dotted": lambda text: " ".join(".".join(word) for word in text.split(" ")),
    "repeated": lambda text: "".join(char * 3 if char in "aeiou" else char for char in text),
    "split_words": lambda text: " ".join(
        f"{word[: len(word) // 2]} {word[len(word) // 2 :]}" if len(word) > 5 else word
        for word in text.split(" ")
    ),
    "capitals": str.upper,
    "full_width": lambda text: text.translate(_WIDE),
    "marked": lambda text: "".join(f"{char}\u0336" if char.isalpha() else char for char in text),
}
FAITHFUL = ("zero_width", "full_width")
"""Spellings in which a number or an address is still one."""


def load_cases() -> tuple[Case, ...]:
    """Return every case."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    slots = {**_world(), **data["fill"]}
    return tuple(
        case
        for each in data["set"]
        for nth, template in enumerate(each["texts"])
        for case in _cases(each, template, nth, slots)
    )


def _world() -> dict[str, list[str]]:
    world = load_world()
    return {
        "npc": [npc.name for npc in world.npc],
        "place": [district.name for district in world.district],
        "faction": [faction.name for faction in world.faction],
        "good": list(world.words.good),
        "draught": list(world.words.draught),
    }


def _cases(
    each: Mapping[str, Any], template: str, nth: int, slots: Mapping[str, Sequence[str]]
) -> list[Case]:
    stops = each["expect"] == "stop"
    cases: dict[str, Case] = {}
    names = FAITHFUL if each.get("category") == "personal_data" or "{url}" in template else tuple(SPELLINGS)
    for k in range(STOPPING if stops else PASSING):
        spelling = names[(nth + k) % len(names)] if stops and k >= PLAIN else "plain"
        text = _filled(template, nth * 5 + k, slots)
        if spelling != "plain":
            text = SPELLINGS[spelling](text)
        cases[text] = Case(
            each["part"],
            each["expect"],
            each.get("category", "fiction"),
            each["function"],
            each.get("side", "output"),
            spelling,
            text,
        )
    return list(cases.values())


def _filled(template: str, k: int, slots: Mapping[str, Sequence[str]]) -> str:
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    chosen = {name: slots[name][(k + 3 * at) % len(slots[name])] for at, name in enumerate(names)}
    text = template.format_map(chosen)
    return text[0].upper() + text[1:]
