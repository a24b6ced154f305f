"""How a person names a thing at the command line: its id, the beginning of it, or NAME@VERSION."""

from typing import Any

import pytest

from aicore.cli.terminal import Exit, Failure
from aicore.cli.turns import _hexadecimal
from aicore.cli.wire import find_model, one_of
from protocol.messages import Answer

MODELS = [
    {"model_id": "4b89", "name": "keeper", "version": "1.0", "use_case": "npc_dialogue"},
    {"model_id": "4bf0", "name": "keeper", "version": "1.1", "use_case": "npc_dialogue"},
    {"model_id": "77aa", "name": "smith:8b", "version": "2", "use_case": "npc_dialogue"},
    {"model_id": "77ab", "name": "lore", "version": "3", "use_case": "npc_dialogue"},
    {"model_id": "90cd", "name": "lore", "version": "3", "use_case": "quest_text"},
]


class Registry:
    """The queries of a running system, as far as models are looked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def query(self, _: str, asked: dict[str, Any]) -> Answer:
        self.asked.append(asked)
        start = asked.get("model_id", "")
        return Answer([row for row in MODELS if row["model_id"].startswith(start)], 1)


async def found(wanted: str) -> str:
    client: Any = Registry()
    return str((await find_model(client, wanted))["model_id"])


@pytest.mark.parametrize(
    ("wanted", "id_"),
    [("4b8", "4b89"), ("4bf0", "4bf0"), ("keeper@1.1", "4bf0"), ("smith:8b", "77aa"), ("smith:8b@2", "77aa")],
)
async def test_a_model_is_named_by_its_id_or_by_what_people_call_it(wanted: str, id_: str) -> None:
    assert await found(wanted) == id_


@pytest.mark.parametrize(
    ("wanted", "candidates"),
    [
        ("4b", "4b89 (keeper@1.0, npc_dialogue), 4bf0 (keeper@1.1, npc_dialogue)"),
        ("keeper", "4b89 (keeper@1.0, npc_dialogue), 4bf0 (keeper@1.1, npc_dialogue)"),
        ("lore@3", "77ab (lore@3, npc_dialogue), 90cd (lore@3, quest_text)"),
    ],
)
async def test_what_means_several_models_is_refused_with_those(wanted: str, candidates: str) -> None:
    with pytest.raises(Failure, match=f"'{wanted}' means 2 models") as told:
        await found(wanted)
    assert told.value.remedy == f"say which: {candidates}"
    assert told.value.code == Exit.USAGE


@pytest.mark.parametrize("wanted", ["5", "keeper@9", "", "Keeper"])
async def test_what_means_no_model_is_refused_with_the_list_to_look_at(wanted: str) -> None:
    with pytest.raises(Failure, match="no model is called") as told:
        await found(wanted)
    assert told.value.remedy == "`aicore models list` shows those there are"


def test_a_whole_id_goes_before_longer_ones() -> None:
    rows = [{"batch_id": "ab12"}, {"batch_id": "ab"}, {"batch_id": "ab34"}]

    assert one_of(rows, "ab", what="batch", see="batch list") is rows[1]
    with pytest.raises(Failure, match="'a' means 3 batches") as told:
        one_of(rows, "a", what="batch", see="batch list")
    assert told.value.remedy == "say which: ab12, ab, ab34"


def test_of_many_candidates_some_are_named() -> None:
    rows = [{"proposal_id": f"a{n}"} for n in range(30)]

    with pytest.raises(Failure) as told:
        one_of(rows, "a", what="proposal", see="proposals list")
    assert told.value.remedy.endswith("a7 and 22 more")


def test_the_id_of_a_turn_may_have_dashes_and_capitals() -> None:
    assert _hexadecimal("019A-f00") == "019af00"
    for no_id in ("", "xyz", "a" * 33, "%"):
        with pytest.raises(Failure, match="is no turn"):
            _hexadecimal(no_id)
