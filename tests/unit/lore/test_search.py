"""What is found, what is refused, and what nobody is shown who may not know it."""

from dataclasses import replace
from random import Random

import numpy as np

from aicore.content.sample_world import sample_definition
from benchmarks.lore_fit import digest_of
from benchmarks.lore_kit import questions, questions_to_train
from domain.lore.chunks import chunks_of, sentences_of
from domain.lore.fusion import Weights, best_of, fused, reciprocal_ranks
from domain.lore.knowing import may_know
from domain.lore.refusal import FITTED_ON, likelihood
from domain.lore.search import Asked, Near, search
from domain.lore.senses import Senses
from domain.lore.sketch import KEPT, Sketch
from domain.lore.words import Words
from handlers.lore.library import shelf_of
from tests.unit.lore.kit import added, asked, documents_of, knower, shelf

BELL = added(
    "ninth_bell",
    "The ninth bell lost its tongue in the harbour. Ambrose Marl has cast a new one of ship's nails.",
    aliases=[{"entity": "bell", "names": ["the ninth bell", "Old Tongueless"]}],
)
FERRY = added("ferry", "The ferry leaves on the hour. A horse pays for four passengers.")
SECRET = added(
    "pilot",
    "The Ferryman was Josiah Crane, who took the Constance out of the harbour.",
    known_by=["person.lady_mere"],
    stage=3,
    aliases=[{"entity": "ferry_man", "names": ["the Ferryman", "Josiah Crane"]}],
)
CRANES = added("cranes", "The Ferryman is never seen in clear air, and takes no money.")


def test_before_any_document_nothing_is_known_of_who_is_named() -> None:
    """*Scar:* of the sample world a question without a document was an error of ours."""
    empty = shelf_of([], sample_definition())
    assert empty.naming("who is Una Pell?", knower()).entities
    found = asked(empty, "what do the Tallymen know of Una Pell?")
    assert not found.hits
    assert found.reason


def test_a_text_is_cut_into_sentences_and_each_keeps_its_number() -> None:
    text = 'He asked Mr. Vale for a boat. "Not today," was the answer! Was it No. 9? Yes.'
    assert sentences_of(text) == [
        "He asked Mr. Vale for a boat.",
        '"Not today," was the answer!',
        "Was it No. 9?",
        "Yes.",
    ]
    long = added("long", " ".join(f"Sentence {n} of the text is here." for n in range(1, 61)), "The end.")
    chunks = chunks_of(long, 4, {})
    assert len(chunks) > 3
    numbers = [sentence.number for chunk in chunks for sentence in chunk.sentences]
    assert numbers == list(range(1, 62))
    assert chunks[-1].cite(61) == "long@4#main.61"


def test_a_chunk_says_by_itself_what_it_is_about_and_when_it_holds() -> None:
    document = added(
        "ration",
        "A half pint to a door.",
        aliases=[{"entity": "thin_weeks", "names": ["the thin weeks"]}],
        section={"title": "Oil", "from_day": 10, "until_day": 20},
    )
    (chunk,) = chunks_of(document, 1, {"thin_weeks": "the thin weeks"})
    assert chunk.prefix == "Ration. Oil. About the thin weeks. From day 10. Until day 20."
    assert chunk.text == "A half pint to a door."


def test_words_score_by_rarity_and_an_index_of_arrays_agrees_with_the_formula() -> None:
    words = Words([["bell", "harbour"], ["ferry", "harbour", "harbour"], ["salt"]])
    scores = words.scores(["bell", "harbour", "bell"])
    idf = {"bell": np.log(1 + 2.5 / 1.5), "harbour": np.log(1 + 1.5 / 2.5)}
    first = sum(idf.values()) / (1 + 1.2 * (0.25 + 0.75 * 2 / 2))
    second = idf["harbour"] * 2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2))
    assert np.allclose(scores, [first, second, 0])


def test_arms_are_weighed_as_shares_of_their_best_and_a_silent_one_gives_its_weight_away() -> None:
    words, meaning = np.array([0, 4, 2], np.float32), np.array([0.5, 0.25, -0.5], np.float32)
    silent = np.zeros(3, np.float32)
    assert np.allclose(fused([(0.5, silent), (0.25, words), (0.25, meaning)]), [0.5, 0.75, 0.25])
    assert best_of(fused([(1, words)]), 3).tolist() == [1, 2]
    assert reciprocal_ranks([words, meaning]).argmax() == 1


def test_a_document_is_found_by_name_by_alias_by_a_slip_and_by_words() -> None:
    lore = shelf(BELL, FERRY, CRANES)
    for question in (
        "Who cast the tongue of the ninth bell?",
        "What do you know of Old Tongueless?",
        "What of Old Tonguelss?",
        "Whose ship's nails were cast?",
    ):
        assert documents_of(lore, asked(lore, question))[:1] == ["ninth_bell"], question


def test_not_to_know_is_an_answer_with_its_reason() -> None:
    lore = shelf(BELL, FERRY)
    reasons = {
        "Who is the mayor of Brasshaven?": "no_such_name",
        "When will a harbour train reach the hour-long northern mountain passages?": "nothing_near",
        "What is it then?": "nothing_asked",
    }
    for question, reason in reasons.items():
        assert asked(lore, question).reason == reason, question
    assert asked(shelf(SECRET), "Josiah Crane", knower()).reason == "nothing_visible"


def test_what_somebody_may_not_know_is_not_searched_and_its_names_are_not_known() -> None:
    lore = shelf(BELL, SECRET, CRANES)
    mere = knower("person.lady_mere", stage=3)
    assert "pilot" in documents_of(lore, asked(lore, "Who was Josiah Crane?", mere))
    for who in (knower(), knower("person.lady_mere", stage=2), knower("person.una_pell", stage=9)):
        found = asked(lore, "Who was Josiah Crane?", who)
        assert found.reason, "a secret name leads nowhere, not even to what everyone may know of the man"
        assert found.entities == []
        assert lore.meant("Who was Josiah Crane?", who) == "Who was Josiah Crane?"
    assert "the Ferryman" in lore.meant("Who was Josiah Crane?", mere)


def test_a_section_narrows_its_document_and_days_are_half_open() -> None:
    notice = added("notice", "The bridge is shut.", known_by=["everyone"], from_day=12, until_day=18)
    inner = added(
        "inner",
        "The bridge is rotten.",
        known_by=["faction.watch"],
        section={"known_by": ["person.una"], "stage": 1},
    )
    lore = shelf(notice, inner)

    def seen(*labels: str, day: int, stage: int = 1) -> list[str]:
        places = lore.visible(knower(*labels, day=day, stage=stage))
        return [lore.chunks[at].document for at in places]

    assert [seen(day=day) for day in (11, 12, 17, 18)] == [[], ["notice"], ["notice"], []]
    assert seen("faction.watch", day=0) == seen("person.una", day=0) == []
    assert seen("faction.watch", "person.una", day=0) == ["inner"]
    assert seen("faction.watch", "person.una", day=0, stage=0) == []
    elsewhere = shelf(added("there", "It rains.", realms=["north"]))
    assert not len(elsewhere.visible(knower(realm="live")))
    assert len(elsewhere.visible(knower(realm="north")))


def test_no_random_search_shows_what_its_limits_forbid() -> None:
    draw = Random(7)
    labels = ["everyone", "faction.a", "faction.b", "person.x", "person.y"]
    documents = [
        added(
            f"d{n}",
            f"The bell of tower {n} rings at dusk. Nobody but keeper {n} hears it.",
            known_by=draw.sample(labels, draw.randint(1, 2)),
            stage=draw.randint(0, 3),
            from_day=draw.choice([None, draw.randint(0, 9)]),
            until_day=draw.choice([None, draw.randint(10, 19)]),
        )
        for n in range(60)
    ]
    lore = shelf(*documents)
    unit = np.eye(60, dtype=np.float32)
    lore.give("sha256:e", {chunk.digest: unit[[at, at, at]] for at, chunk in enumerate(lore.chunks)})
    assert lore.vectors is not None
    for _ in range(300):
        own = draw.sample(labels[1:], draw.randint(0, 3))
        who = knower(*own, day=draw.randint(-1, 20), stage=draw.randint(0, 4))
        vector = np.array([draw.random() for _ in range(60)], np.float32)
        # An index of neighbours that knows nothing of limits: what it returns is filtered all the same.
        near = Near(np.arange(60), lore.vectors @ vector) if draw.random() < 0.3 else None
        question = f"Who hears the bell of tower {draw.randint(0, 59)}?"
        hits = search(lore, Asked(question, who, vector, "sha256:e", near)).hits
        assert all(may_know(who, lore.chunks[hit.at].limits) for hit in hits)
        visible = lore.visible(who)
        assert lore.count_visible(who) == len(visible)
        alone = search(lore, Asked(question, who, vector, "sha256:e", weights=Weights(0, 0, 1))).hits
        best = visible[np.argsort(-(lore.vectors[visible] @ vector), kind="stable")]
        assert [hit.at for hit in alone] == best[:50].tolist(), "rows gathered in parts are all the rows"


def test_a_word_finds_what_is_related_to_it_for_a_share_and_never_more_than_it_tells_itself() -> None:
    senses = Senses(
        {
            "cargo": np.array([1, 0], np.float32),
            "bell": np.array([0, 1], np.float32),
            "crate": np.array([0.8, 0.6], np.float32),
        }
    )
    likeness = senses.likeness({"freight": np.array([0.96, 0.28], np.float32)}, ["freight", "bell", "gone"])
    assert set(likeness) == {"freight", "bell"}, "of a word without a vector nothing is known"
    related = dict(senses.related("freight", likeness["freight"]))
    assert list(related) == ["cargo", "crate"], "the nearest first, none that is far"
    assert np.allclose(list(related.values()), [0.96**2, 0.936**2], atol=1e-6)
    assert [term for term, _ in senses.related("bell", likeness["bell"])] == ["crate"], "not itself"
    assert senses.nearest(likeness["freight"], frozenset({"bell", "crate"})) > 0.9
    assert senses.nearest(likeness["freight"], frozenset({"bell"})) == 0

    words = Words([["cargo"], ["crate", "bell"], ["bell"], ["bell"], ["salt"]])
    scores = words.scores(["bell"], {"bell": [("cargo", 1.0)]})
    assert np.allclose(scores[1:], words.scores(["bell"])[1:])
    own = words.scores(["cargo"])[0] * words.idf("bell") / words.idf("cargo")
    assert np.isclose(scores[0], own), "a rare word that stands for a common one tells no more than that"
    assert words.scores(["freight"], {"freight": [("cargo", 0.5)]})[0] > 0, (
        "what stands nowhere finds it, too"
    )


def test_the_sentence_that_says_it_puts_its_passage_before_one_that_is_as_near_as_a_whole() -> None:
    lore = shelf(added("one", "It rains. It snows."), added("two", "Birds sing. Fish swim."))
    axes = np.eye(4, dtype=np.float32)
    lore.give(
        "sha256:e",
        {
            lore.chunks[0].digest: np.stack([axes[0], axes[1], axes[1]]),
            lore.chunks[1].digest: np.stack([axes[0], axes[1], axes[2]]),
        },
    )
    assert lore.chunks[1].read == ["Two. Birds sing. Fish swim.", "Two. Birds sing.", "Two. Fish swim."]
    asked_of = Asked("Whoever swims?", knower(), (axes[0] + axes[2]) / np.float32(2**0.5), "sha256:e")
    found = search(lore, asked_of)
    assert [lore.chunks[hit.at].document for hit in found.hits] == ["two", "one"]
    assert (found.hits[0].sentence, found.hits[1].sentence) == (1, 0)
    assert found.signs is not None
    assert np.isclose(found.signs.meaning or 0, 2**-0.5), "of the best sentence"
    other = shelf(added("two", "Birds sing. Fish swim."), added("three", "Bells ring."))
    other.take_over(lore)
    assert np.array_equal(other.rows_of(0), lore.rows_of(1)), "vectors of sentences are taken over, too"
    assert other.lacking() == {other.chunks[1].digest: 2}


def test_what_is_written_as_a_name_and_stands_nowhere_is_a_sign_against_an_answer() -> None:
    lore = shelf(BELL, FERRY, CRANES)
    signs = {}
    for question in ("Who cast the tongue for Odette Pyke?", "Who cast the tongue of the ninth bell?"):
        found = asked(lore, question)
        assert found.signs is not None
        signs[question] = found.signs
    first, second = signs.values()
    assert first.strange > 0.3 > second.strange == 0
    assert first.least == 0 < second.told
    assert likelihood(first) < likelihood(second)


def test_the_weights_were_fitted_on_the_questions_that_there_are() -> None:
    assert digest_of(questions_to_train()) == FITTED_ON, "fit anew: python -m benchmarks.lore_fit"
    kept = {replace(each, half="tuning") for each in questions() if each.half == "kept"}
    assert not kept & set(questions_to_train()), "nothing of the kept half is fitted on"


def test_a_sketch_finds_the_nearest_of_many_among_those_that_may_be_known() -> None:
    draw = np.random.default_rng(3)
    # Vectors of text differ in some ways much more than in others, as these do.
    spread = (1 / np.sqrt(np.arange(1, 201))).astype(np.float32)
    rows = draw.standard_normal((6_000, 200)).astype(np.float32) * spread
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sketch, vector = Sketch(rows), rows[17]
    exact = np.argsort(-(rows @ vector))[:10]
    assert np.isin(exact, sketch.nearest(vector, None)).all()
    among = np.flatnonzero(np.arange(6_000) % 2)
    near = sketch.nearest(vector, among)
    assert len(near) == KEPT < len(among)
    assert np.isin(near, among).all(), "what may not be known is never found"
    assert np.isin(exact[exact % 2 == 1], near).all()
    assert np.array_equal(sketch.nearest(vector, among[:50]), among[:50]), "of few all are compared"


def test_where_a_good_share_may_be_known_a_sketch_is_looked_at_first_with_the_same_hits() -> None:
    lore = shelf(*(added(f"d{n}", f"Tower {n} stands.", known_by=[f"faction.{n % 5}"]) for n in range(60)))
    rows = np.random.default_rng(5).standard_normal((60, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    lore.give("sha256:e", {chunk.digest: rows[[at, at]] for at, chunk in enumerate(lore.chunks)})
    lore.make_sketch()
    assert lore.sketch is None, "of so few none is made"
    some, most = knower("faction.0"), knower("faction.0", "faction.1")
    for who, scan in ((some, "exact"), (most, "sketch")):
        asks = Asked("Where does it stand?", who, rows[4], "sha256:e", weights=Weights(0, 0, 1))
        before = search(lore, asks)
        assert before.scan == "exact"
        lore.sketch = Sketch(rows)
        after = search(lore, asks)
        assert (after.scan, after.hits) == (scan, before.hits)
        lore.sketch = None
    lore.sketch = Sketch(rows)
    lore.give("sha256:e", {lore.chunks[0].digest: rows[[1, 1]]})
    assert lore.sketch is None, "a sketch of other vectors is none"
