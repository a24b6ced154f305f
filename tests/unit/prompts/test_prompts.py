"""Templates: registered once and for all; a prompt is their parts in order, cut to a budget."""

from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from domain.kernel.decider import Rejected
from domain.prompts.assembly import assemble, room_for
from domain.prompts.messages import RegisterTemplate, TemplateRegistered
from domain.prompts.template import TEMPLATE, digest_of
from domain.routing.split import BUCKETS, version_for
from tests.unit.spec import changed, given

COMMAND = RegisterTemplate.model_validate(RegisterTemplate.example)
REGISTERED = TemplateRegistered.model_validate({**COMMAND.model_dump(), "digest": digest_of(COMMAND)})


def words(text: str) -> int:
    return len(text.split())


def test_a_new_version_is_registered_with_the_digest_of_its_content() -> None:
    given(TEMPLATE).when(COMMAND).then(REGISTERED)
    second = changed(COMMAND, version="2", budget=9)
    registered = TemplateRegistered.model_validate({**second.model_dump(), "digest": digest_of(second)})
    given(TEMPLATE, REGISTERED).when(second).then(registered)


def test_the_same_again_changes_nothing_whatever_its_description_says() -> None:
    given(TEMPLATE, REGISTERED).when(changed(COMMAND, description="another word")).then_nothing()


def test_other_content_under_a_known_version_is_refused() -> None:
    given(TEMPLATE, REGISTERED).when(changed(COMMAND, budget=9)).then_rejected(
        "template_exists", field="version"
    )


def test_two_sections_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two sections have the same name"):
        changed(COMMAND, sections=[COMMAND.sections[0], COMMAND.sections[0]])


def test_what_is_left_of_a_value_forms_no_reserved_word_either() -> None:
    done = assemble(template(reserved=["b a", "x"]), {"who": "so bxa is"}, room=99, count=words)
    assert done.text.startswith("so is")


def test_of_sections_of_one_rank_the_last_is_cut_first() -> None:
    sections = [{"name": name, "text": "{value}", "cut": 1} for name in ("lore", "past")]
    two = template().model_copy(update={"sections": changed(template(), sections=sections).sections})
    done = assemble(two, {"lore": "a b", "past": "c d"}, room=2, count=words)
    assert (done.text, [cut.section for cut in done.cut]) == ("a b", ["past"])


def test_a_reserved_word_of_blanks_is_refused_and_of_an_old_template_left_alone() -> None:
    with pytest.raises(ValueError, match="reserved"):
        changed(COMMAND, reserved=["<|im_start|>", " "])
    old = template().model_copy(update={"reserved": [" ", "\t", "<said>"]})
    done = assemble(old, {"who": "a <said> b"}, room=99, count=words)
    assert done.text.startswith("a b")


def template(**changes: Any) -> RegisterTemplate:
    sections = [
        {"name": "who", "text": "{value}"},
        {"name": "facts", "text": "so {value}", "cut": 1},
        {"name": "past", "text": "was {value}", "cut": 2},
        {"name": "end", "text": "END"},
    ]
    facts = {"name": "t", "version": "1", "sections": sections, "budget": 99, "operator": "test"}
    return RegisterTemplate.model_validate({**facts, **changes})


def test_sections_stand_in_their_order_and_empty_ones_not_at_all() -> None:
    done = assemble(template(), {"past": ["a", "b"], "who": "Wen", "facts": ""}, room=99, count=words)
    assert (done.text, done.cut) == ("Wen was a b END", ())


def test_the_highest_rank_is_cut_first_and_its_first_items_before_the_last() -> None:
    context = {"who": "Wen", "facts": ["f1", "f2"], "past": ["p1", "p2", "p3"]}
    texts = [assemble(template(), context, room=room, count=words) for room in (9, 8, 7, 5, 4, 2)]
    assert [done.text for done in texts] == [
        "Wen so f1 f2 was p1 p2 p3 END",
        "Wen so f1 f2 was p2 p3 END",
        "Wen so f1 f2 was p3 END",
        "Wen so f1 f2 END",
        "Wen so f2 END",
        "Wen END",
    ]
    assert [(cut.section, cut.items) for cut in texts[-1].cut] == [("past", 3), ("facts", 2)]


def test_what_may_not_be_cut_and_does_not_fit_is_refused() -> None:
    with pytest.raises(Rejected) as refusal:
        assemble(template(), {"who": "a b c", "facts": "x"}, room=3, count=words)
    assert (refusal.value.code, refusal.value.field) == ("prompt_too_long", "prompt")
    budget = template().budget
    assert f"room for 3: the template's budget of {budget} less {budget - 3}" in refusal.value.message


def test_an_answer_that_leaves_no_room_for_a_prompt_is_the_fault_of_max_tokens() -> None:
    budget = template().budget
    assert room_for(template(), budget - 1) == 1
    with pytest.raises(Rejected) as refusal:
        room_for(template(), budget)

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "max_tokens")
    assert f"max_tokens is {budget}" in refusal.value.message
    assert f"budget of {budget} tokens" in refusal.value.message


def test_a_key_without_a_section_is_refused_and_is_not_repeated() -> None:
    """Whatever key a caller makes up may be a player's word; the sections that there are help to find it."""
    with pytest.raises(Rejected, match="no section for 1 of the context's 1 keys") as refusal:
        assemble(template(), {"colour": "red"}, room=9, count=words)

    assert "colour" not in f"{refusal.value.message} {refusal.value.field} {refusal.value.remedy}"
    assert refusal.value.remedy.startswith("it has ")


@any_of(st.lists(st.sampled_from(["<", "said", ">", "<said>", " ", "x"]), max_size=12))
def test_a_reserved_word_never_comes_from_a_value(parts: list[str]) -> None:
    """However it is put together from pieces: taking one out must not form another."""
    done = assemble(template(reserved=["<said>"]), {"who": "".join(parts)}, room=99, count=words)
    assert "<said>" not in done.text


@any_of(st.lists(st.integers(1, 5), max_size=6), st.lists(st.integers(1, 5), max_size=6), st.integers(3, 40))
def test_a_prompt_is_never_over_its_room_and_nothing_is_lost_untold(
    facts: list[int], past: list[int], room: int
) -> None:
    context = {
        "facts": [" ".join("f" * n) for n in facts],
        "past": [" ".join("p" * n) for n in past],
    }
    done = assemble(template(), context, room=room, count=words)
    assert words(done.text) <= done.tokens <= max(room, 1)
    told = {cut.section: cut.tokens for cut in done.cut}
    assert done.text.split().count("f") == sum(facts) - told.get("facts", 0)
    assert done.text.split().count("p") == sum(past) - told.get("past", 0)


@any_of(st.integers(0, 99), st.integers(0, 100))
def test_who_meets_a_candidate_meets_it_while_its_share_grows(key: int, share: int) -> None:
    few = version_for(str(key), {"new": share, "old": BUCKETS - share}, salt="s")
    more = version_for(
        str(key), {"new": min(BUCKETS, share + 7), "old": max(0, BUCKETS - share - 7)}, salt="s"
    )
    assert (few, more) != ("new", "old")


def test_a_split_gives_each_version_its_share() -> None:
    shares = {"a": 5, "b": 25, "c": 70}
    met = [version_for(f"player-{n}", shares) for n in range(20_000)]
    for version, share in shares.items():
        assert abs(met.count(version) / 200 - share) < 1.5
    with pytest.raises(ValueError, match="together 100"):
        version_for("x", {"a": 99})


def test_roles_divide_the_text_and_a_section_without_one_goes_with_the_one_before() -> None:
    sections = [
        {"name": "scene", "text": "{value}", "role": "system"},
        {"name": "lore", "text": "{value}", "cut": 1},
        {"name": "said", "text": "{value}", "role": "user"},
        {"name": "begin", "text": "Well,", "role": "assistant"},
    ]
    made = changed(template(), sections=sections)
    done = assemble(made, {"scene": "a b", "lore": "c", "said": "d"}, room=99, count=words)
    assert done.text == "a b c d Well,"
    assert done.roles == (("system", 6), ("user", 2), ("assistant", 5))
    assert sum(length for _, length in done.roles) == len(done.text)
    assert assemble(made, {"said": "d"}, room=99, count=words).roles == (("user", 2), ("assistant", 5))
    assert assemble(template(), {"who": "a"}, room=99, count=words).roles == ()


def test_a_template_without_roles_keeps_the_digest_that_it_had_before_there_were_any() -> None:
    assert digest_of(COMMAND) == "sha256:1832aa6ac2d6d44a720e2b12fc10ddb99581c69c414324d20787509b0a5da635"
    sections = [COMMAND.sections[0].model_copy(update={"role": "system"}), *COMMAND.sections[1:]]
    assert digest_of(COMMAND.model_copy(update={"sections": sections})) != digest_of(COMMAND)
