"""The sample world's suite: large enough, new to the models, and fair to what the current one does well."""

import random
from collections import Counter
from dataclasses import replace
from itertools import islice

from aicore.content.corpus import Source
from aicore.content.speech import load_speech
from aicore.content.suites import ATTACKS, default_suite, voices
from aicore.content.world import VOICES, load_world
from domain.evaluation.scorers import Answer, scorers_of
from domain.evaluation.suite import Case, check_scorers, digest_of
from domain.evaluation.suites import suite_decider
from protocol.limits import PAYLOAD_BYTES_MAX
from tests.unit.evaluation.kit import told
from tests.unit.spec import given


def test_it_has_cases_of_every_kind_for_everybody() -> None:
    suite = default_suite()
    assert len(suite.cases) >= 120
    assert set(Counter(case.kind for case in suite.cases)) == {"replay", "scenario", "attack"}
    assert {case.voice for case in suite.cases} == set(VOICES)
    assert len({case.npc for case in suite.cases}) == len(load_world().npc)
    assert sum(bool(case.facts) for case in suite.cases) > 60
    assert sum(bool(case.turns) for case in suite.cases) >= 8
    assert len([case for case in suite.cases if case.kind == "attack"]) == len(ATTACKS)


def test_it_is_the_same_each_time_and_can_be_registered() -> None:
    suite = default_suite()
    assert digest_of(suite) == digest_of(default_suite())
    known = scorers_of(suite)
    check_scorers(suite, known)
    when = given(suite_decider(known)).when(suite)
    (event,) = when.decider.decide(suite, when.decider.initial)
    when.then(event)
    assert len(event.model_dump_json()) < PAYLOAD_BYTES_MAX / 2


def said(case: Case) -> Answer:
    """Return an answer with all that an engine can tell of it."""
    return replace(told("Mind the step."), reference_log=-0.2 if case.reference else None)


def test_every_scorer_has_cases() -> None:
    suite = default_suite()
    known = scorers_of(suite)
    for choice in suite.scorers:
        fed = [case for case in suite.cases if known[choice.name](case, said(case)) is not None]
        assert len(fed) >= 16, choice.name


def test_its_scenes_are_none_that_training_drew() -> None:
    """A sample of training's draws; their number makes a chance meeting of short prompts unlikely here."""
    drawn = set()
    for seed in (1, 2):
        source = Source(load_world(), load_speech(), random.Random(seed))
        drawn |= {example.prompt for example in islice(source.examples(), 3_000)}
    suite = default_suite()
    rendered = [
        " ".join(f"<{key}> {value}" for key, value in case.context.items()) + f" <said> {case.prompt} <line>"
        for case in suite.cases
        if case.id.startswith("fact-")
    ]
    assert rendered
    assert not drawn & set(rendered)


def test_a_line_of_the_corpus_has_the_best_scores() -> None:
    """What was written for a scene is good in the eyes of the scorers, or they would judge something else."""
    suite = default_suite()
    language, character = scorers_of(suite)["language"], scorers_of(suite)["in_character"]
    source = Source(load_world(), load_speech(), random.Random(5))
    lines = [example.line for example in islice(source.examples(), 400)]
    case = next(case for case in suite.cases if case.pattern is None and case.kind == "attack")
    assert all(language(case, told(line)) == 1.0 for line in lines)
    assert all(character(case, told(line)) == 1.0 for line in lines if "four" not in line)


def test_what_a_voice_says_no_other_voice_says() -> None:
    speech = load_speech()
    known = voices(speech)
    assert min(len(pieces) for pieces in known.values()) >= 20
    for voice, pieces in known.items():
        others = {form for v, forms in speech.open.items() if v != voice for form in forms}
        assert not others & set(pieces)
