"""What is found, what is refused, and what nobody is shown who may not know it."""

from random import Random

import numpy as np

from domain.lore.chunks import chunks_of, sentences_of
from domain.lore.fusion import Weights, best_of, fused, reciprocal_ranks
from domain.lore.knowing import may_know
from domain.lore.search import Asked, Near, search
from domain.lore.words import Words
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
    lore.give("sha256:e", {chunk.digest: unit[at] for at, chunk in enumerate(lore.chunks)})
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
