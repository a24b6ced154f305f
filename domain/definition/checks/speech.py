"""How people speak: every voice has something to say to everything, and slots are those that are filled."""

import re
from collections.abc import Iterator, Mapping

from domain.definition.definition import Forms
from domain.definition.faults import Fault, nearest
from domain.definition.index import Index

BY_VOICE = ("open", "fact", "memory", "closed")
"""Parts of `speech` that have a list of sentences for each voice."""

PARTS = (
    *("said", *BY_VOICE, "answer", "weather", "time", "mood"),
    *("scene", "bark", "describe", "facts", "history"),
)

SLOTS = frozenset(
    [
        "name",
        "role",
        "place",
        "where",
        "way",
        "thing",
        "faction",
        "other",
        "aim",
        "aim2",
        "word",
        "fact",
        "memory",
        "who",
        "who2",
        "count",
        "time",
        "weather",
        "a",
        "b",
        "c",
    ]
)
_WHOLE = re.compile(r"\{(\w+)\}")


def _parts(index: Index) -> Iterator[Fault]:
    if index.all.speech is None:
        return
    for part in index.all.speech:
        if part not in PARTS:
            clause, near = f"there is no part {part!r}", nearest(part, PARTS)
            yield Fault("unknown_field", f"speech.{part}", clause, ", ".join(PARTS), near, at_key=True)
    for part in PARTS:
        if part not in index.all.speech:
            clause = f"the part {part!r} is missing"
            yield Fault("missing_field", "speech", clause, f"write {part}: here", at_key=True)


def _voices(index: Index) -> Iterator[Fault]:
    speech = index.all.speech or {}
    voices = _keys(speech.get("open"))
    answers = speech.get("answer")
    by_voice = {f"speech.{part}": speech.get(part) for part in BY_VOICE}
    if isinstance(answers, Mapping):
        by_voice |= {f"speech.answer.{intent}": forms for intent, forms in answers.items()}
    for path, forms in by_voice.items():
        if isinstance(forms, Mapping):
            for voice in sorted(voices - forms.keys()):
                clause = f"the voice {voice!r} has nothing to say here"
                yield Fault(
                    "missing_voice", path, clause, "every voice: " + ", ".join(sorted(voices)), at_key=True
                )
            for voice in sorted(forms.keys() - voices):
                clause, near = f"there is no voice {voice!r}", nearest(voice, voices)
                allowed = ", ".join(sorted(voices))
                yield Fault("unknown_voice", f"{path}.{voice}", clause, allowed, near, at_key=True)


def _intents(index: Index) -> Iterator[Fault]:
    speech = index.all.speech or {}
    said, answered = _keys(speech.get("said")), _keys(speech.get("answer"))
    for intent in sorted(said - answered):
        clause = f"nobody has an answer to {intent!r}"
        yield Fault("missing_answer", f"speech.said.{intent}", clause, f"speech.answer.{intent}", at_key=True)
    for intent in sorted(answered - said):
        clause, near = f"nobody says {intent!r}", nearest(intent, said)
        yield Fault(
            "missing_answer", f"speech.answer.{intent}", clause, f"speech.said.{intent}", near, at_key=True
        )


def _slots(index: Index) -> Iterator[Fault]:
    for path, sentence in _sentences(index.all.speech or {}, "speech"):
        if sentence.count("{") != sentence.count("}") or len(_WHOLE.findall(sentence)) != sentence.count("{"):
            yield Fault("bad_slot", path, f"a brace is open in {sentence!r}", "slots like {name}")
            continue
        for slot in _WHOLE.findall(sentence):
            if slot.lower() not in SLOTS:
                near = nearest(slot.lower(), SLOTS)
                yield Fault("bad_slot", path, f"there is no slot {{{slot}}}", ", ".join(sorted(SLOTS)), near)


def _sentences(forms: Forms, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(forms, Mapping):
        for key, inner in forms.items():
            yield from _sentences(inner, f"{path}.{key}")
    else:
        yield from ((f"{path}[{at}]", sentence) for at, sentence in enumerate(forms))


def _keys(forms: Forms | None) -> frozenset[str]:
    return frozenset(forms) if isinstance(forms, Mapping) else frozenset()


SPEECH_CHECKS = (((), _parts), ((), _voices), ((), _intents), ((), _slots))
