"""Keys of a model's configuration that are nearly one that is read."""

import pytest

from aicore.cli.models import warn_of
from domain.registry.configuration import READ, misspelt


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
