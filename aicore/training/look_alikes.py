"""Makes `domain/guardrails/look_alikes.py` from Unicode's tables: what signs are read as, what is not seen.

Run it with `make look-alikes` after an update of a package below, and commit the result. They carry the
tables, and are needed here and in tests, never by the program:

- disarm: the confusables of UTS #39 that look like Latin letters, and look-alikes beyond them.
- confusable-homoglyphs: the classes of UTS #39 whole, digits of other scripts among them.
- unicodedata2: the newest character database; letters younger than Python's own are known by it.
- regex: Default_Ignorable_Code_Point.

What no package has stands in `aicore.training.shapes`: letters drawn alike, and Braille.
"""

import json
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import disarm
import regex
import unicodedata2

from aicore.training.shapes import BRAILLE, SHAPES

OUTPUT = Path(__file__).parents[2] / "domain" / "guardrails" / "look_alikes.py"
WIDTH = 92
"""Columns of a line's string."""

LETTERS = frozenset(string.ascii_lowercase)
LEET = ("o", "il", "z", "e", "a", "s", "gb", "t", "b", "g")
"""Letters that each digit stands for."""

IN_USE = {"\u0493": "f", "\u03c2": "s", "\u2c81": "a", "\u0431": "b"}
"""Readings that are likelier than the tables' own, or in none of them."""

_DRAWN = {char: letter for letter, chars in SHAPES.items() for char in chars} | dict(BRAILLE)

NAMED = re.compile(
    r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL |DOTLESS |REVERSED |SCRIPT |OPEN |INSULAR |BARRED )*"
    r"([A-Z])(?: WITH (?!SMALL LETTER)[A-Z ,-]+)?"
)
"""Names of letters that are another one with a stroke, a hook, a tail."""

BLANK = re.compile(r"(?<!LINE )(?<!GAP )(?<!SPACE )(BLANK|FILLER|NULL NOTEHEAD)$")
"""Names of signs without ink; those that fill a line's end are drawn."""

HEAD = '''"""What signs can be read as, and which are not seen: Unicode's tables. Made by `make look-alikes`.

Source: {source}.
"""

from collections.abc import Mapping

'''

MIDDLE = '''}  # fmt: skip
"""The characters beyond ASCII that can be read as letters a to z, by their readings, the likeliest first.
``|`` stands between readings."""

UNSEEN: tuple[tuple[int, int], ...] = (
'''

FOOT = ''')
"""Ranges of what leaves no ink: what Unicode lets a renderer ignore, and blanks that are no spaces."""

BLANKS = "{blanks}"
"""Those that are as wide as a letter."""
'''


def main() -> None:
    """Write the tables."""
    OUTPUT.write_text(module(), encoding="ascii")


def module() -> str:
    """Return the text of the module that holds the tables."""
    table: dict[str, list[str]] = {}
    for char in signs():
        if (ways := readings(char)) and not known(char):
            table.setdefault("|".join(ways), []).append(char)
    source = (
        f"UTS #39 {disarm.CONFUSABLES_VERSION} by disarm {disarm.__version__}, "
        f"Unicode {unicodedata2.unidata_version}"
    )
    lines = [HEAD.format(source=source), "READINGS: Mapping[str, str] = {\n"]
    for name in sorted(table):
        strings = tuple(_strings(table[name]))
        lines += (
            [f'    "{name}": "{strings[0]}",\n']
            if len(strings) == 1
            else [f'    "{name}": (\n', *(f'        "{each}"\n' for each in strings), "    ),\n"]
        )
    ranges = _ranges(map(ord, ignorables()))
    lines += [MIDDLE, *(f"    (0x{first:04X}, 0x{last:04X}),\n" for first, last in ranges)]
    lines.append(FOOT.format(blanks=next(_strings(filter(blank, signs())))))
    return "".join(lines)


def signs() -> Iterator[str]:
    """Yield every character beyond ASCII but surrogates."""
    yield from map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x110000)))


def ignorables() -> list[str]:
    """Return the characters that leave no ink."""
    ignorable = regex.compile(r"\p{Default_Ignorable_Code_Point}")
    return [char for char in signs() if ignorable.match(char) or blank(char)]


def blank(char: str) -> bool:
    """Say whether a character is a blank as wide as a letter, though no space."""
    return bool(BLANK.search(unicodedata2.name(char, "")))


def known(char: str) -> bool:
    """Say whether the program's own folding gives all of a character's readings without a table."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    bare = "".join(part for part in text if unicodedata.category(part) not in {"Mn", "Me", "Cf"})
    return bare.isascii() and (bare.isdecimal() or readings(char) in {(bare,), ()})


def readings(char: str) -> tuple[str, ...]:
    """Return what a character can be read as, the likeliest first: letters a to z.

    A reading of several letters is given only where there is no other.
    """
    found = dict.fromkeys(_letters(stripped(char)))
    if (digit := unicodedata2.decimal(char, None)) is not None:
        found |= dict.fromkeys(LEET[digit])
    for each in _cases(char):
        ways = (IN_USE.get(each, ""), disarm.normalize_confusables(each), *_others(each))
        for text in ways:
            # The tables put the stroke of l, I and 1 into one class, named for l.
            stroke = (
                text == "l" and "LATIN " not in unicodedata2.name(char, "") and not stripped(char).isascii()
            )
            found |= dict.fromkeys("il" if stroke else _letters(text))
    single = tuple(each for each in found if len(each) == 1)
    return single or tuple(found)[:1]


def _cases(char: str) -> tuple[str, ...]:
    """Return a character as it is, and in the case in which it is compared."""
    ways = (char, char.casefold(), stripped(char))
    return tuple(dict.fromkeys(way for way in ways if way.strip() and (way is char or not way.isascii())))


def stripped(text: str) -> str:
    """Return a text without width, font, case and marks, by the newest database."""
    for _ in range(2):
        text = unicodedata2.normalize("NFKD", text).casefold()
    return "".join(part for part in text if unicodedata2.category(part) not in {"Mn", "Me", "Cf"})


def _others(text: str) -> Iterator[str]:
    """Yield what a character is like by UTS #39's classes, also at second hand, by its name, and as drawn."""
    yield from _alike().get(text, ())
    if drawn := _DRAWN.get(text):
        yield drawn
    if len(text) == 1 and (found := NAMED.fullmatch(unicodedata2.name(text, ""))):
        yield found[1]


@cache
def _alike() -> dict[str, tuple[str, ...]]:
    """Return by character the ASCII letters and digits of its class."""
    data = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    classes = {
        key.strip("\u200e"): {each["c"].strip("\u200e") for each in alike} for key, alike in data.items()
    }
    direct = {
        char: tuple(sorted(each for each in alike if each.isascii() and each.isalnum()))
        for char, alike in classes.items()
    }
    second = {
        char: tuple(sorted(disarm.normalize_confusables(each) for each in alike if len(each) == 1))
        for char, alike in classes.items()
        if not direct[char]
    }
    return direct | second


def _letters(text: str) -> Iterable[str]:
    """Return what a text of ASCII letters and digits reads as; nothing for any other."""
    text = stripped(text).replace("rn", "m")
    if len(text) == 1 and text in string.digits:
        return LEET[int(text)]
    return (text,) if text and LETTERS.issuperset(text) else ()


def _strings(chars: Iterable[str]) -> Iterator[str]:
    line = ""
    for char in chars:
        code = f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
        if len(line) + len(code) > WIDTH:
            yield line
            line = ""
        line += code
    yield line


def _ranges(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = -1
    for code in codes:
        if code != last + 1 and first >= 0:
            yield first, last
        if code != last + 1:
            first = code
        last = code
    yield first, last


if __name__ == "__main__":
    main()
