"""The turns of a log, found again, and what stood behind one of them."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid5

import pytest

from aicore.audit.story import Fact, Turn, Wanted, story, turns
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import NewEvent, StreamWrite
from domain.evaluation.messages import EvaluationFinished
from domain.guardrails.messages import PolicyActivated, PolicyPublished, ViolationDetected
from domain.guardrails.policy import digest_of as policy_digest
from domain.inference.messages import InferenceCompleted, InferenceFailed, InferenceRequested
from domain.kernel.event import Event
from domain.kernel.visibility import erased
from domain.prompts.messages import TemplateRegistered
from domain.prompts.template import digest_of
from domain.registry.deployment_messages import StepStarted
from domain.registry.facts import artefacts_digest
from domain.registry.messages import ModelEvaluated, ModelPromoted, ModelRegistered
from protocol.meta import Meta, encode_meta
from protocol.packing import pack
from tests.unit.spec import changed
from tests.vectors_make import SPACE

CODEC = EventCodec(domain_catalogue())
TEMPLATE = changed(TemplateRegistered.from_example())
MODEL = ModelRegistered.from_example()
PUBLISHED = changed(
    PolicyPublished.from_example(), digest=policy_digest(PolicyPublished.from_example().policy)
)
REQUESTED = changed(
    InferenceRequested.from_example(),
    player="ann",
    template="lamplight-line@1",
    template_digest=digest_of(TEMPLATE),
    artefacts_digest=artefacts_digest(MODEL.artefacts),
    model_id=MODEL.model_id,
    policy=PUBLISHED.policy.label,
    policy_digest=PUBLISHED.digest,
)
TURN = REQUESTED.inference_id
SECOND_US = 1_000_000


class Book:
    """A log that is written by hand, a second after each event."""

    def __init__(self) -> None:
        self.now_us = 0
        self.log = MemoryLog("test", lambda: self.now_us)

    async def write(self, stream: str, *events: Event, meta: Meta | None = None) -> None:
        for event in events:
            self.now_us += SECOND_US
            id_ = uuid5(SPACE, str(self.now_us))
            payload = pack(event.model_dump())
            new = NewEvent(id_, event.event_name, event.event_version, payload, encode_meta(meta or Meta()))
            await self.log.append(StreamWrite(stream, (new,)))

    async def turns(self, **wanted: Any) -> Sequence[Turn]:
        return await turns(self.log, CODEC, Wanted(**wanted), lambda _done, _total: None)

    async def story(self) -> Sequence[Fact]:
        return await story(self.log, CODEC, TURN)


def turn(number: int, **changes: Any) -> Any:
    return changed(REQUESTED, inference_id=f"{number:032x}", **changes)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"player": "ben"}, [2]),
        ({"npc": "smith"}, [3]),
        ({"conversation": "night"}, [4]),
        ({"text": "OLD WEN"}, [1]),
        ({"text": "anvil"}, [3]),
        ({"limit": 2}, [3, 4]),
        ({"since_us": 3 * SECOND_US, "until_us": 6 * SECOND_US}, [2, 3]),
        ({"use_case": "quest_dialogue"}, []),
    ],
)
async def test_turns_are_found_by_who_when_and_what(wanted: dict[str, Any], found: list[int]) -> None:
    book = Book()
    answer = changed(InferenceCompleted.from_example(), inference_id=f"{1:032x}")
    await book.write("inference-1", turn(1), answer)
    failed = changed(InferenceFailed.from_example(), inference_id=f"{2:032x}")
    await book.write("inference-2", turn(2, player="ben"), failed)
    await book.write("inference-3", turn(3, npc="smith", prompt="The anvil?"))
    await book.write("inference-4", turn(4, conversation="night"))

    assert [int(each.asked.inference_id, 16) for each in await book.turns(**wanted)] == found


async def test_a_turn_ends_as_the_log_says_also_beyond_the_time_asked_for() -> None:
    book = Book()
    await book.write(f"inference-{TURN}", REQUESTED, InferenceCompleted.from_example())

    (only,) = await book.turns(until_us=2 * SECOND_US)
    assert isinstance(only.end, InferenceCompleted)


async def _told(book: Book) -> None:
    """Write a model's way to its players, and a turn of it."""
    await book.write("template-lamplight-line", changed(TEMPLATE, digest=digest_of(TEMPLATE)))
    held = PolicyActivated.from_example()
    await book.write("guardrails-policies", PUBLISHED, held, changed(held, version=2, operator="another"))
    evaluated = changed(ModelEvaluated.from_example(), model_id=MODEL.model_id)
    await book.write(
        f"evaluation-{evaluated.evaluation_id}",
        changed(EvaluationFinished.from_example(), evaluation_id=evaluated.evaluation_id),
    )
    step = changed(StepStarted.from_example(), model_id=MODEL.model_id)
    promoted = changed(ModelPromoted.from_example(), model_id=MODEL.model_id, operator="mira")
    other = changed(MODEL, model_id="0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2", name="another")
    await book.write("registry-npc_dialogue", MODEL, other, evaluated, step, promoted)
    answered = changed(InferenceCompleted.from_example(), guard_us=1_234)
    await book.write(f"inference-{TURN}", REQUESTED, answered)
    await book.write("violation-1", changed(ViolationDetected.from_example(), inference_id=TURN))
    await book.write("violation-2", changed(ViolationDetected.from_example(), inference_id="f" * 32))
    later = changed(promoted, operator="somebody", reason="afterwards")
    await book.write("registry-npc_dialogue", later)


async def test_a_story_leads_from_the_line_to_model_evaluation_promotion_policy_and_prompt() -> None:
    book = Book()
    await _told(book)

    facts = await book.story()

    told = {fact.what.strip(): fact.said for fact in facts}
    assert told["asked"] == "ann to lamp-keeper: Who keeps the lamp tonight?"
    assert told["answered"].startswith("Old Wen does")
    assert told["guarded"] == "1.234 ms, question and answer together"
    assert "machine_voice of default@1" in told["violation"]
    assert "made again from the log: the same" in told["template"]
    assert told["policy"] == f"default@1, profile MatureFullExperience, {PUBLISHED.digest}"
    assert told["activated"].startswith("default@1, profile MatureFullExperience, by mira")
    assert "made again from the log: the same" in told["published"]
    assert told["model"].startswith("lamplight 0.1.0, licence MIT")
    assert told["evaluated"].startswith("passed on")
    assert "lore_stated is worse" in told["report"]
    assert told["step_started"].startswith(f"5 % to {MODEL.model_id}")
    assert "by mira" in told["model_promoted"]
    assert [fact.what for fact in facts].count("violation") == 1, "another turn's"
    assert not any("another" in fact.said or "afterwards" in fact.said for fact in facts)
    assert all(fact.sound for fact in facts if fact.what != "prompt"), "the example's prompt is made up"


@pytest.mark.parametrize(
    ("actor", "role", "said"),
    [
        ("operator:jan", "operator", "by mira: r, sent by operator:jan as operator"),
        ("operator:jan", "", "by mira: r, sent by operator:jan"),
        ("", "", "by mira: r"),
        ("mira", "", "by mira: r"),
    ],
)
async def test_a_story_tells_who_sent_it_and_in_which_role(actor: str, role: str, said: str) -> None:
    book = Book()
    meta = Meta(actor=actor, extra={"role": role} if role else {})
    promoted = changed(ModelPromoted.from_example(), model_id=MODEL.model_id, operator="mira", reason="r")
    await book.write("registry-npc_dialogue", MODEL)
    await book.write("registry-npc_dialogue", promoted, meta=meta)
    await book.write(f"inference-{TURN}", REQUESTED)

    told = {fact.what: fact.said for fact in await book.story()}

    assert told["model_promoted"].endswith(said)


async def test_a_digest_that_is_not_that_of_what_was_registered_is_told() -> None:
    book = Book()
    await book.write("registry-npc_dialogue", changed(MODEL, artefacts={"model.bin": "sha256:" + "00" * 32}))
    await book.write("template-lamplight-line", changed(TEMPLATE, budget=7))
    rules = changed(PUBLISHED.policy, description="other rules")
    await book.write("guardrails-policies", changed(PUBLISHED, policy=rules), PolicyActivated.from_example())
    await book.write(f"inference-{TURN}", changed(REQUESTED, rendered_prompt="something else"))

    unsound = {fact.what: fact.said for fact in await book.story() if not fact.sound}

    assert unsound.keys() == {"prompt", "template", "model", "published"}
    assert all("ANOTHER ONE" in said for said in unsound.values())


async def test_a_policy_that_the_program_brought_along_is_named_by_the_turn_itself() -> None:
    book = Book()
    await book.write(f"inference-{TURN}", REQUESTED)

    told = {fact.what: fact.said for fact in await book.story()}

    assert told["policy"].endswith(PUBLISHED.digest)
    assert told["activated"] == "by nobody: the program brought it along"


async def test_a_turn_that_is_not_there_has_no_story() -> None:
    assert await Book().story() == []


async def test_a_story_of_erased_words_is_told_and_its_turn_is_found_without_them() -> None:
    book = Book()
    found = changed(ViolationDetected.from_example(), inference_id=TURN)
    await book.write(f"inference-{TURN}", *map(erased, (REQUESTED, InferenceCompleted.from_example())))
    await book.write("violation-1", erased(found))

    facts = await book.story()

    told = {fact.what.strip(): fact.said for fact in facts}
    assert told["asked"] == "ann to lamp-keeper: (erased)"
    assert told["prompt"] == f"(erased) ({REQUESTED.prompt_hash}, which cannot be made again)"
    assert told["answered"] == "(erased) (stop)"
    assert told["violation"].endswith("replace; (erased)")
    assert all(fact.sound for fact in facts)
    assert [each.asked.player for each in await book.turns(player="ann")] == ["ann"]
    assert await book.turns(text="erased") == []
