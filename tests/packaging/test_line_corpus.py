"""The corpus of lines that comes with the program is right, varied, and read fast."""

from collections.abc import Sequence

import pytest

from aicore.content.line_files import Corpus, read_corpus
from domain.story.plan import Act


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


def missing(done: dict[str, set[Act]]) -> dict[str, Sequence[Act]]:
    return {voice: sorted(set(Act) - acts) for voice, acts in done.items() if set(Act) - acts}
