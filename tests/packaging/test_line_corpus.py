"""The corpus of lines that comes with the program is right, varied, and read fast."""

from collections.abc import Sequence

import pytest

from aicore.content.line_files import Corpus, read_corpus, shipped_signatures
from aicore.content.sample_world import sample_definition
from domain.story.plan import Act, Kind


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus()


def test_every_line_keeps_its_plan_and_the_corpus_does_not_repeat_itself(corpus: Corpus) -> None:
    assert [(str(each.mark), each.fault.kind, each.fault.found) for each in corpus.faults] == []
    assert corpus.variety.shared_runs <= 0.05


def test_every_voice_does_everything(corpus: Corpus) -> None:
    """A voice without lines for an act would fall silent there."""
    done: dict[str, set[Act]] = {}
    for pair in corpus.pairs:
        done.setdefault(f"{pair.voice.genre}/{pair.voice.name}", set()).add(pair.plan.act)

    assert missing(done) == {}


OF_A_WORLD = {
    Kind.PERSON: {"person", "player"},
    Kind.PLACE: {"place", "district", "territory", "way"},
    Kind.FACTION: {"faction"},
    Kind.GOOD: {"good"},
    Kind.SUM: {"number"},
    Kind.TIME: {"text"},
    Kind.WEATHER: {"weather"},
    Kind.QUEST: {"quest"},
}


def test_what_lines_state_is_what_a_world_can_claim() -> None:
    predicates = {each.id: each for each in sample_definition().predicates}
    strange = []
    for name, roles in shipped_signatures().items():
        for argument, kinds in roles:
            known = getattr(predicates.get(name), argument.partition(".")[0], ())
            if not any(OF_A_WORLD[kind] & set(known) for kind in kinds):
                strange.append(f"{name}.{argument}")

    assert strange == []


def test_whoever_lives_in_the_sample_world_has_a_voice(corpus: Corpus) -> None:
    served = {word for pair in corpus.pairs if pair.voice.genre == "harbour" for word in pair.voice.serves}
    people = sample_definition().people

    assert {each.voice for each in people} | {each.archetype for each in people} <= served


def missing(done: dict[str, set[Act]]) -> dict[str, Sequence[Act]]:
    return {voice: sorted(set(Act) - acts) for voice, acts in done.items() if set(Act) - acts}
