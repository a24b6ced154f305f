"""What a YAML parser complains of, in the words of a designer."""

import re

from ruamel.yaml.error import MarkedYAMLError

from domain.definition.faults import Fault

_SAYINGS: tuple[tuple[str, str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "colon",
        "a colon and a space stand where no key can",
        "quotes around a text with ': ' in it; keys of one map in one column",
    ),
    (
        "could not find expected ':'",
        "colon",
        "a line has no colon behind its key",
        "name: value; a text over several lines in quotes or behind |",
    ),
    (
        "expected <block end>, but found '-'",
        "indentation",
        "a list entry stands in a column where none belongs",
        "the column of the list's other entries",
    ),
    (
        "expected <block end>",
        "indentation",
        "the line begins in a column where nothing belongs",
        "keys of one map in one column, two spaces further in than their parent",
    ),
    (
        "sequence entries are not allowed",
        "indentation",
        "a list entry (- ) stands where none can",
        "the list on lines of its own below its key",
    ),
    (
        "found unexpected end of stream",
        "quotes",
        "a quotation mark is never closed",
        "a second quotation mark of the same sort",
    ),
    (
        "found unknown escape character",
        "escape",
        "a backslash stands in double quotes before a letter that means nothing with it",
        "single quotes, or two backslashes",
    ),
    (
        "expected ',' or ']'",
        "brackets",
        "a list in brackets is not closed, or a comma is missing",
        "[one, two]; quotes around a text with a comma or ': ' in it",
    ),
    (
        "expected ',' or '}'",
        "brackets",
        "a map in braces is not closed, or a comma is missing",
        "{name: value, name: value}; quotes around a text with a comma or ': ' in it",
    ),
    (
        "expected the node content",
        "brackets",
        "a value is missing here",
        "a value, or nothing at all between the commas",
    ),
    (
        "found duplicate anchor",
        "anchor",
        "an anchor (&) is there twice",
        "no anchors; the values themselves",
    ),
    (
        "found undefined alias",
        "alias",
        "an alias (*) of nothing stands here",
        "the value itself; a text that begins with * in quotes",
    ),
    (
        "cannot start any token",
        "character",
        "a text begins with a character that means something to YAML",
        "quotes around a text that begins with @, `, %, !, &, * or the like",
    ),
    (
        "while scanning an alias",
        "alias",
        "a * stands here, which is an alias",
        "quotes around a text that begins with *",
    ),
    (
        "while scanning an anchor",
        "anchor",
        "a & stands here, which is an anchor",
        "quotes around a text that begins with &",
    ),
    (
        "while scanning a directive",
        "directive",
        "a line begins with %, which is a directive",
        "quotes around a text that begins with %",
    ),
    (
        "while scanning a block scalar",
        "block",
        "a | or > is followed by something else",
        "| or > alone, and the text on the lines below, further in",
    ),
    (
        "found undefined tag handle",
        "tag",
        "a ! stands here, which is a tag",
        "quotes around a text that begins with !",
    ),
)
"""What the parser says, what sort of fault it is, what is found and allowed in plain words; first match."""

_INDENTED_BY_TAB = re.compile(r" *\t")


def grammar_fault(error: MarkedYAMLError, text: str, line: int) -> Fault:
    """Return a fault of grammar as one that its author understands.

    Args:
        error: what the parser says.
        text: the file.
        line: where the parser stopped, from 1; a tab in its indentation, or before, is the cause.
    """
    lines = text.split("\n")
    for at in (line, line - 1):
        if 0 < at <= len(lines) and _INDENTED_BY_TAB.match(lines[at - 1]):
            return Fault("tab", "", f"line {at} is indented by a tab", "spaces, two for each level")
    said = f"{error.problem or ''} {error.context or ''}"
    for part, kind, found, allowed in _SAYINGS:
        if part in said:
            return Fault(kind, "", found, allowed)
    return Fault("grammar", "", f"this is no YAML: {said.strip()}", "YAML 1.2")
