"""What is said of a world that is wrong: each fault where it is, and nothing besides."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.unit.cases import each_of
from tests.unit.definition.kit import FILES, changed, check, line

HERE = Path(__file__).parent
CASES = YAML(typ="safe", pure=True).load((HERE / "faults.yaml").read_text())
ROOT = HERE.parents[2]

ON_BYTES = {"encoding", "unprintable", "too_large", "empty_file"}
"""Kinds of faults of a whole file; below."""

RARE = {"grammar"}
"""What the parser complains of in words that nobody has met yet."""


def test_the_small_world_is_right() -> None:
    assert check(FILES).faults == ()


def test_nobody_minds_five_minutes() -> None:
    assert check(changed("metres: 4, by: {foot: 1 min}", "metres: 4, by: {foot: 125 min}")).faults == ()


def test_there_are_sixty_kinds_of_broken_definitions_and_more() -> None:
    names = [case["case"] for case in CASES]

    assert len(set(names)) == len(names) >= 60


@each_of("case", CASES, ids=lambda case: case["case"])
def test_a_broken_definition_is_told_of(case: dict[str, str | list[str]]) -> None:
    faults = check(changed(str(case["old"]), str(case["new"]))).faults

    assert [line(fault) for fault in faults] == case["says"]
    assert sorted({fault.fault.kind for fault in faults}) == case["kinds"]


def test_every_kind_of_fault_has_a_case() -> None:
    content = (ROOT / "aicore/content").glob("*.py")
    lines = (path for path in content if not path.name.startswith("line_"))  # the corpus's, tried elsewhere
    code = [*(ROOT / "domain/definition").rglob("*.py"), *lines]
    known = {
        kind
        for path in code
        for kind in re.findall(r'(?:Fault|_fail|refuse)\(\s*(?:event, )?"([a-z_]+)"', path.read_text())
    }
    told = {kind for case in CASES for kind in case["kinds"]}

    assert known - ON_BYTES - RARE <= told


def test_all_faults_of_all_files_are_told_of_together() -> None:
    files = {
        **FILES,
        "people.yaml": FILES["people.yaml"].replace("home: attic", "home: atic"),
        "places.yaml": FILES["places.yaml"].replace("capacity: 2", "capacity: none"),
        "things.yaml": FILES["things.yaml"].replace("goods:\n", "goods:\n\t"),
        "world.yaml": FILES["world.yaml"].replace("share: 0.75", "share: 0.65"),
    }

    told = [line(fault) for fault in check(files).faults]

    assert [each.split(" ")[0] for each in told] == [
        "people.yaml:6:11",
        "places.yaml:16:15",
        "things.yaml:2:1",
        "world.yaml:22:11",
    ]


def test_names_in_a_file_that_cannot_be_read_are_not_missed() -> None:
    """One slip in places.yaml is one fault, though everybody's home is in it."""
    files = {**FILES, "places.yaml": FILES["places.yaml"].replace("districts:\n", "districts:\n\t")}

    (fault,) = check(files).faults

    assert line(fault) == "places.yaml:2:1  | line 2 is indented by a tab | spaces, two for each level"


def test_an_entry_in_two_files_is_told_of_with_both_places() -> None:
    files = {
        **FILES,
        "other.yaml": "goods:\n  ribbon: {name: a bow, kind: cloth, price: 1 pearls, grams: 5}\n",
    }

    (fault,) = check(files).faults

    assert line(fault) == (
        "things.yaml:4:3 goods.ribbon | 'ribbon' stands in another file already | each id once"
        " | see other.yaml:2:3"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "more.yaml:1:1  | the file is empty | sections with their entries, places: and so on"),
        (
            b"# nothing yet\n",
            "more.yaml:1:1  | the file is empty | sections with their entries, places: and so on",
        ),
        (b"places\n", "more.yaml:1:1  | the file is no map | sections with their entries, places: and so on"),
        (b"- one\n", "more.yaml:1:1  | the file is no map | sections with their entries, places: and so on"),
        (
            b"facts:\n  a: {about: a, text: caf\xe9}\n",
            "more.yaml:2:26  | the byte 0xe9 is not UTF-8 | text in UTF-8; save the file so",
        ),
        (
            b"facts:\n  a: {about: \x00, text: b}\n",
            "more.yaml:2:14  | the unprintable character U+0000 stands here"
            " | characters that one can see; remove it",
        ),
        (
            "facts: {}\n".encode("utf-16"),
            "more.yaml:1:1  | the byte 0xff is not UTF-8 | text in UTF-8; save the file so",
        ),
        (
            b"#" * (4 * 1024 * 1024 + 1),
            "more.yaml:1:1  | the file has 4,194,305 bytes | at most 4,194,304; split it",
        ),
    ],
    ids=["empty", "a comment", "a word", "a list", "not UTF-8", "NUL", "UTF-16", "huge"],
)
def test_a_file_that_is_no_text_of_yaml_is_told_of(content: bytes, said: str) -> None:
    assert [line(fault) for fault in check({**FILES, "more.yaml": content}).faults] == [said]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbffacts: {}\n", b"facts: {}\r\n"], ids=["BOM", "CRLF"])
def test_what_editors_add_is_no_fault(content: bytes) -> None:
    assert check({**FILES, "more.yaml": content}).faults == ()


def test_a_text_stays_the_text_that_stands_there() -> None:
    """What YAML 1.1 takes for something else: Norway, a clock, a date, an octal number in quotes."""
    texts = {"no": "no", "12:30": "12:30", "2026-11-30": "2026-11-30", "'010'": "010", "1_000": "1_000"}
    for written, meant in texts.items():
        definition = check(changed("about: the inn,", f"about: {written},")).definition

        assert definition is not None
        assert definition.facts[0].about == meant


@pytest.mark.parametrize(
    "hostile",
    [b"a: " + b"[" * 60_000, b"a: " + b"{b: " * 20_000, b"? " * 20_000],
    ids=["lists", "maps", "keys"],
)
def test_a_deep_file_costs_no_recursion(hostile: bytes) -> None:
    faults = check({**FILES, "more.yaml": hostile}).faults

    assert len(faults) >= 1
