"""What SillyTavern fills in while a talk goes on: names are filled in here, the rest is listed. Pure."""

import re

from aicore.content.imports.fields import Fields

PLAYER = "the player"

_CHAR = re.compile(r"\{\{char\}\}|<char>|<bot>", re.IGNORECASE)
_USER = re.compile(r"\{\{user\}\}|<user>", re.IGNORECASE)
_MACRO = re.compile(r"\{\{[^{}]*\}\}")


def plain(text: str, of: Fields, char: str, field: str = "content") -> str:
    """Return a text with its macros filled in or taken out; what could not be filled in is listed."""
    if _CHAR.search(text):
        if not char:
            of.tell(
                field,
                "{{char}}",
                "whom it stands for is known while a talk goes on; it is written out as 'they'",
            )
        text = _filled(_CHAR, char or "they", text)
    if _USER.search(text):
        of.tell(field, "{{user}}", f"who listens is anybody; it is written out as {PLAYER!r}")
        text = _filled(_USER, PLAYER, text)
    for macro in dict.fromkeys(_MACRO.findall(text)):
        of.tell(field, macro, "computed while a talk goes on; it is taken out of the text")
    return _MACRO.sub("", text)


def _filled(macro: re.Pattern[str], word: str, text: str) -> str:
    """Return a text with a word for a macro; where a sentence begins it begins with a capital."""

    def said(found: re.Match[str]) -> str:
        before = text[: found.start()].rstrip(" ")
        return word[:1].upper() + word[1:] if not before or before[-1] in ".!?\n" else word

    return macro.sub(said, text)
