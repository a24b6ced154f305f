"""Keys of a model's configuration that are nearly one that is read."""

from typing import Any

import pytest

from aicore.cli.models import warn_of
from domain.registry.configuration import READ, check_usable, misspelt
from domain.registry.messages import DescribeModel, ModelRegistered, RegisterModel
from domain.registry.use_case import USE_CASE
from tests.unit.spec import changed, given


@pytest.mark.parametrize(
    ("key", "like"),
    [
        ("templat", "template"),
        ("Template", "template"),
        ("templates", "template"),
        ("prompt-template", "prompt_template"),
        ("teir", "tier"),
        ("tiers", "tier"),
        ("cost_micro_per_1k_token", "cost_micro_per_1k_tokens"),
    ],
)
def test_a_key_that_is_nearly_one_is_told(key: str, like: str) -> None:
    assert misspelt([key]) == {key: like}


@pytest.mark.parametrize("key", [*READ, "quantization", "revision", "trained_on", "cost", "prompt"])
def test_keys_that_are_read_or_of_others_are_left_alone(key: str) -> None:
    assert misspelt([key]) == {}


def test_the_cli_warns_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of({"templat": "lines@2", "quantization": "int8"})
    assert capsys.readouterr().err == "warning: nothing reads the key 'templat'; did you mean 'template'?\n"


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("tier", "sliver", "did you mean silver?"),
        ("tier", "Gold", "did you mean gold?"),
        ("tier", "platinum", "there are gold, silver, bronze"),
        ("tier", 1, "there are gold, silver, bronze"),
        ("tier", ["gold"], "did you mean gold?"),
        ("cost_micro_per_1k_tokens", "200", "give a number from 0"),
        ("cost_micro_per_1k_tokens", -1, "give a number from 0"),
        ("cost_micro_per_1k_tokens", True, "give a number"),
        ("template", "lines", "write NAME@VERSION"),
        ("template", 7, "write NAME@VERSION"),
        ("prompt_template", ["{prompt}"], "give a text"),
    ],
)
def test_a_value_that_would_be_taken_for_none_is_refused(key: str, value: Any, remedy: str) -> None:
    """`tier=sliver` was kept, and the model stayed on the tier that it was registered for."""
    registered = ModelRegistered.from_example()
    register = changed(RegisterModel.model_validate(RegisterModel.example), configuration={key: value})
    describe = changed(
        DescribeModel.model_validate(DescribeModel.example), configuration={key: value}, description=None
    )
    for history, command in (([], register), ([registered], describe)):
        found = given(USE_CASE, *history).when(command)
        found.then_rejected("configuration_unusable", field=f"configuration.{key}", says=remedy)

    old = changed(registered, configuration={key: value})
    given(USE_CASE, old).when(register).then_nothing()
    given(USE_CASE, old).when(describe).then_nothing()


def test_values_that_are_read_and_all_of_other_keys_are_usable() -> None:
    check_usable(
        {
            "tier": "bronze", "cost_micro_per_1k_tokens": 0.5, "template": "a-b@1.2", "prompt_template": "",
            "revision": 7, "quantization": None, "layers": [1, {"a": True}],
        }
    )  # fmt: skip
    check_usable(dict.fromkeys(READ))
