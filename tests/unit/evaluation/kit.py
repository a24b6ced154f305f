"""What the tests of evaluations share: a small world, its cases, and models made of functions."""

from collections.abc import Callable
from typing import Any

from domain.evaluation.messages import RegisterSuite
from domain.evaluation.scorers import Answer
from domain.evaluation.suite import Case
from handlers.evaluation.runner import Model

FACT = "seven boats were lost off the Saltings"
LEXICON = {
    "names": {"numbers": ["seven", "nine"], "places": ["the Saltings", "Kilnside"], "people": ["Gault"]},
    "voices": {"wry": ["Lovely manners."], "blunt": ["Say it fast."]},
    "words": [*FACT.lower().split(), "mind", "the", "step"],
}


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "c", "kind": "replay", "prompt": "What happened here?", **fields})


def told(text: str, **fields: Any) -> Answer:
    return Answer(text=text, **fields)


def suite(*cases: Case, **fields: Any) -> RegisterSuite:
    return RegisterSuite.model_validate(
        {
            "name": "small",
            "version": "1",
            "use_case": "npc_dialogue",
            "cases": [one.model_dump() for one in cases or (case(facts=[FACT]),)],
            "scorers": [{"name": "lore_stated"}, {"name": "in_character"}],
            "lexicon": LEXICON,
            "operator": "mira",
            **fields,
        }
    )


def model(answer: Callable[[Case, int], Answer]) -> Model:
    async def answering(asked: Case, seed: int) -> Answer:
        return answer(asked, seed)

    return answering
