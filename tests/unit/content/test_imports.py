"""World Info and character cards become lore and a person; what does not is listed, nothing is dropped."""

import base64
import json
import struct
import zlib
from typing import Any

from aicore.content.imports import Imported, import_file
from aicore.content.imports.drafts import paragraphs, shortened, slug
from aicore.content.lore import checked
from aicore.content.lore.written import read_file
from aicore.content.sample_world import sample_definition
from aicore.content.yaml_source import read_yaml
from domain.definition.definition import Definition
from domain.lore.messages import Content
from tests.unit.kit import in_case

ENTRY = {
    "uid": 4,
    "key": ["The Salt Bell", "old bell", "/bell(s)?/i"],
    "keysecondary": ["storm", "flood"],
    "selective": True,
    "selectiveLogic": 3,
    "comment": "The Salt Bell",
    "content": "It rings before water comes.\n\n## Who rings it\n"
    "Nobody. {{user}} may ask {{char}}; {{random:a,b}} laughs.",
    "order": 250,
    "position": 4,
    "depth": 2,
    "probability": 30,
    "useProbability": True,
    "sticky": 3,
    "cooldown": 0,
    "delay": None,
    "constant": False,
    "disable": False,
    "groupWeight": 100,
    "caseSensitive": None,
    "addMemo": True,
    "displayIndex": 7,
    "vectorized": True,
    "moonPhase": "full",
    "extensions": {"tone": "grim", "depth": 4},
}
"""An entry as World Info has it; what is as editors leave it stands among what is not."""

CARD: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Wren Holloway",
        "description": "{{char}} keeps the bell tower. She owes the ferryman nine pence.",
        "personality": "Dry, patient, afraid of gulls.",
        "scenario": "{{user}} climbs the tower at night.",
        "first_mes": "Mind the ninth step. {{user}} always forgets the ninth step.",
        "mes_example": "<START>\n{{user}}: Is it late?\n{{char}}: It is always late up here.\n"
        "<START>\n{{char}}: Gulls!",
        "creator_notes": "Plays best slowly.",
        "system_prompt": "Write as {{char}}.",
        "post_history_instructions": "",
        "alternate_greetings": ["You again."],
        "tags": ["harbour", "calm"],
        "creator": "a friend",
        "character_version": "1.2",
        "extensions": {"talkativeness": "0.5", "fav": False, "depth_prompt": {"prompt": "", "depth": 4}},
        "character_book": {
            "name": "Tower",
            "extensions": {},
            "scan_depth": 3,
            "entries": [
                {
                    "keys": ["ninth step", "Wren Holloway"],
                    "content": "@@depth 3\nThe ninth step is loose. {{char}} likes it so.",
                    "extensions": {},
                    "enabled": True,
                    "insertion_order": 100,
                    "position": "before_char",
                },
                {
                    "keys": ["gulls"],
                    "content": "x",
                    "extensions": {},
                    "enabled": False,
                    "insertion_order": 1,
                },
            ],
        },
    },
}


def bytes_of(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def world_info(*entries: dict[str, Any], **more: object) -> bytes:
    return bytes_of({"entries": {str(n): entry for n, entry in enumerate(entries)}, **more})


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    dot = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + dot + chunk(b"IEND", b"")


def text_chunk(keyword: bytes, data: object) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + base64.b64encode(bytes_of(data)))


def lore_of(found: Imported, definition: Definition | None = None) -> list[Content]:
    """Return what the documents say, as `aicore lore check` reads their files; there is no fault."""
    files = [read_file(f"{each.id}.md", each.text().encode()) for each in found.documents]
    read = checked(files, definition)
    assert [(each.fault.found, each.mark) for each in read.faults] == []
    return list(read.contents)


def left_of(found: Imported) -> dict[str, str]:
    return {each.path: each.value for each in found.left}


def test_an_entry_becomes_a_document_and_its_keys_names() -> None:
    found = import_file(world_info(ENTRY))
    (content,) = lore_of(found)

    assert (found.kind, content.document, content.title, content.known_by) == (
        "world info",
        "the_salt_bell",
        "The Salt Bell",
        ["everyone"],
    )
    assert [name for each in content.aliases for name in each.names] == ["The Salt Bell", "old bell"]
    assert content.about == [each.entity for each in content.aliases]
    assert content.sections[0].paragraphs == [
        "It rings before water comes.",
        "Who rings it",
        "Nobody. The player may ask they; laughs.",
    ]


def test_what_has_no_counterpart_is_listed_with_why_and_nothing_is_dropped() -> None:
    found = import_file(world_info(ENTRY, name="Harbour", extensions={"x": 1}))

    assert sorted(left_of(found)) == sorted(
        {
            *(
                f"entries.0.{name}"
                for name in ("key", "keysecondary", "order", "position", "depth", "probability")
            ),
            *(f"entries.0.{name}" for name in ("sticky", "moonPhase", "content", "extensions.tone")),
            *("name", "extensions.x"),
        }
    )
    assert left_of(found)["entries.0.keysecondary"] == "and all of, storm, flood"
    assert all(each.why for each in found.left)
    assert [each.value for each in found.left if each.path == "entries.0.content"] == [
        "{{char}}",
        "{{user}}",
        "{{random:a,b}}",
    ]
    assert {each.entry for each in found.left} == {"The Salt Bell", ""}


def test_an_entry_that_is_off_empty_or_too_long_is_left_out_and_said() -> None:
    long = "One more word. " * 8_000
    cases = (
        ({"disable": True}, "switched off"),
        ({"content": " \n "}, "says nothing"),
        ({"content": long}, "too long"),
    )
    for changes, why in cases:
        found = import_file(world_info({**ENTRY, **changes}))
        with in_case(why):
            assert found.documents == []
            assert any(why in each.why for each in found.left if each.path == "entries.0.content")


def test_every_document_is_as_the_lore_wants_it_whatever_an_entry_says() -> None:
    wild = [
        {"key": [], "content": "{a map} that is none\n# a heading\n---\n## \n\n" + "word " * 3_000},
        {"key": ["Same", "same", "SAME"], "content": "one", "comment": 'A "title": with, [signs] #1'},
        {"key": ["same"], "content": "two", "comment": 'a "Title": with, [signs] #1'},
        {"key": "a single text, as old files have it", "content": "three"},
        {"key": ["雨", "42", "  ", "yes"], "content": "four", "comment": "雨"},
        {"keys": ["x" * 300], "content": "\u2028five\ttabs\0\x07\ufeff", "name": "t" * 400},
    ]
    found = import_file(bytes_of({"entries": wild}))
    contents = lore_of(found)

    assert len(contents) == len(wild)
    same = [each.about[0] for each in contents if each.sections[0].paragraphs[0] in ("one", "two")]
    assert len(set(same)) == 1, "the same name is the same thing"
    assert contents[0].sections[0].paragraphs[0] == "- {a map} that is none"


def test_who_may_know_fails_closed() -> None:
    def known_by(**filtered: object) -> list[str]:
        found = import_file(world_info({**ENTRY, "characterFilter": filtered}))
        return lore_of(found)[0].known_by

    assert known_by(isExclude=False, names=[], tags=[]) == ["everyone"]
    assert known_by(isExclude=False, names=["Wren Holloway", "Ada"], tags=[]) == [
        "person.wren_holloway",
        "person.ada",
    ]
    assert known_by(isExclude=True, names=["Wren"], tags=[]) == ["group.without_wren"]


def test_names_of_the_world_are_told_from_new_ones() -> None:
    entry = {**ENTRY, "key": ["Una Pell", "the Tide Hall", "the salt bell"]}
    found = import_file(world_info(entry), sample_definition())
    (content,) = lore_of(found, sample_definition())

    assert content.about[0] == "una_pell"
    assert [name for each in content.aliases for name in each.names][-1] == "the salt bell"
    assert not any(each.entity == "una_pell" for each in content.aliases)


# --- cards --------------------------------------------------------------------------------------------------


def test_a_card_becomes_a_person_what_they_know_of_themselves_and_how_they_speak() -> None:
    found = import_file(bytes_of(CARD))
    files = found.files()
    own, step = lore_of(found)
    draft = read_yaml("people.yaml", files["people/wren_holloway.yaml"].encode())

    assert draft.faults == []
    assert draft.data["people"] == {
        "wren_holloway": {
            "name": "Wren Holloway",
            "story": "Wren Holloway keeps the bell tower. She owes the ferryman nine pence. "
            "Dry, patient, afraid of gulls. The player climbs the tower at night.",
            "examples": ["You again.", "It is always late up here.", "Gulls!"],
        }
    }
    assert "by a friend" in files["people/wren_holloway.yaml"].splitlines()[0]
    assert own.known_by == ["person.wren_holloway"]
    assert [each.title for each in own.sections] == [
        "Who Wren Holloway is",
        "How Wren Holloway is",
        "Where it begins",
    ]
    assert step.sections[0].paragraphs == ["The ninth step is loose. Wren Holloway likes it so."]
    assert "wren_holloway" in step.about
    said = files["people/wren_holloway.lines.txt"]
    assert said.count("> greeting\n") == said.count("> another greeting\n") == 1
    assert "> example\n{{user}}: Is it late?\nWren Holloway: It is always late up here." in said
    assert set(left_of(found)) == {
        *("data.creator_notes", "data.system_prompt", "data.extensions.depth_prompt"),
        *("data.scenario", "data.character_book.name", "data.character_book.scan_depth"),
        *("data.character_book.entries.0.content", "data.character_book.entries.1.content"),
        "data.character_book.entries.1.insertion_order",
    }


def test_a_card_is_read_from_a_picture_the_newer_chunk_first() -> None:
    newer = {**CARD, "spec": "chara_card_v3", "data": {**CARD["data"], "name": "Wren the Third"}}
    both = png(text_chunk(b"chara", CARD), text_chunk(b"ccv3", newer))
    for content, name in ((png(text_chunk(b"chara", CARD)), "Wren Holloway"), (both, "Wren the Third")):
        found = import_file(content)
        assert found.person and found.person.name == name

    assert import_file(png(text_chunk(b"chara", CARD))) == import_file(bytes_of(CARD))


def test_newer_fields_and_older_cards_are_known() -> None:
    data = {
        **CARD["data"],
        "nickname": "Wrennie",
        "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}],
        "group_only_greetings": ["All of you?"],
        "source": ["a site"],
        "creation_date": 1,
        "creator_notes_multilingual": {"de": "Langsam."},
    }
    newer = import_file(bytes_of({**CARD, "spec": "chara_card_v3", "spec_version": "3.0", "data": data}))
    paths = {f"data.{name}" for name in ("nickname", "assets", "creation_date", "creator_notes_multilingual")}
    assert paths <= set(left_of(newer))
    assert "unknown" not in " ".join(each.why for each in newer.left)
    older = import_file(bytes_of({key: CARD["data"][key] for key in ("name", "description", "first_mes")}))
    assert older.person and older.person.id == "wren_holloway"
    book = import_file(bytes_of({"spec": "lorebook_v3", "data": CARD["data"]["character_book"]}))
    assert (book.kind, len(book.documents)) == ("book", 1)


def test_a_long_description_is_cut_in_the_story_and_whole_in_the_lore() -> None:
    long = "She counts the steps. " * 300
    found = import_file(bytes_of({**CARD, "data": {**CARD["data"], "description": long}}))
    assert found.person and len(found.person.story) <= 4_000
    assert found.person.story.endswith("steps.")
    assert "data.description" in left_of(found)
    text = " ".join(" ".join(each.paragraphs) for each in lore_of(found)[0].sections)
    assert text.count("She counts the steps.") == 300


# --- what is no such file -----------------------------------------------------------------------------------


def test_a_file_that_is_broken_is_told_of_with_its_place() -> None:
    card = bytes_of(CARD)
    whole = png(text_chunk(b"chara", CARD))
    at = whole.index(b"tEXt")
    cases: tuple[tuple[bytes, str, str, str], ...] = (
        (b"", "bad_json", "file", "no JSON"),
        (b'{"entries": {\n  "0": }', "bad_json", "file", "no JSON here"),
        (b"\xff\xfe{}", "encoding", "file", "no UTF-8"),
        (b'{"a": NaN}', "bad_json", "file", "NaN is no number"),
        (b"[" * 100_000, "bad_json", "file", "no JSON"),
        (b'{"entries": [{"content": "\\ud800"}]}', "bad_json", "file", "half a character"),
        (b'{"entries": [' + b"[" * 700 + b"]" * 700 + b"]}", "bad_json", "file", "recursion"),
        (b"[]", "bad_format", "file", "a list"),
        (b"{}", "bad_format", "file", "neither entries nor a spec"),
        (b'{"spec": "chara_card_v9"}', "bad_format", "spec", "chara_card_v9"),
        (b'{"spec": "chara_card_v2"}', "missing_field", "data", "missing"),
        (b'{"spec": "chara_card_v2", "data": {"name": " "}}', "missing_field", "data.name", "names nobody"),
        (b'{"spec": "chara_card_v2", "data": {"name": 7}}', "wrong_type", "data.name", "the number 7"),
        (b'{"entries": 3}', "wrong_type", "entries", "the number 3"),
        (b'{"entries": {"2": "x"}}', "wrong_type", "entries.2", "the text 'x'"),
        (b'{"entries": [{"key": [1], "content": "x"}]}', "wrong_type", "entries.0.key", "a list of 1"),
        (b'{"entries": [{"content": {}}]}', "wrong_type", "entries.0.content", "an empty map"),
        (
            b'{"entries": [{"content": "x", "disable": "no"}]}',
            "wrong_type",
            "entries.0.disable",
            "the text 'no'",
        ),
        (
            card.replace(b'"entries": [', b'"entries": [7, '),
            "wrong_type",
            "data.character_book.entries.0",
            "7",
        ),
        (b"PK\x03\x04rest", "bad_format", "file", "archive"),
        (png(), "no_card", "file", "holds no card"),
        (whole[: at + 40], "bad_chunk", "file", "cut off"),
        (whole[:-3], "bad_chunk", "file", "ends within a chunk"),
        (whole.replace(b"tEXtchara", b"tEXtchasa"), "bad_chunk", "file", "damaged"),
        (png(chunk(b"tEXt", b"chara\0%%%")), "bad_chunk", "file.chara", "no base64"),
        (png(chunk(b"zTXt", b"ccv3\0\0xx")), "bad_chunk", "file.ccv3", "may be compressed"),
    )
    for content, kind, path, says in cases:
        with in_case(f"{content[:40]!r} {says}"):
            found = import_file(content)
            assert [(each.kind, each.path) for each in found.faults][:1] == [(kind, path)]
            assert says in found.faults[0].found
            assert found.faults[0].allowed
            assert (found.documents, found.person, found.files()) == ((), None, {})
    assert import_file(b'{"entries": {\n  "0": }').at == (2, 8)


def test_ids_titles_and_paragraphs() -> None:
    assert [slug(text) for text in ("Ägirs Höhle!", "42 gulls", "雨", "_x_")] == [
        "agirs_hohle",
        "gulls",
        "",
        "x",
    ]
    assert paragraphs("a\nb\n\n\n# c\nd\n") == ["a b", "c", "d"]
    assert [len(each) for each in paragraphs("x" * 9_000)] == [4_000, 4_000, 1_000]
    assert shortened("One. Two three.", 10) == "One. Two"
