"""The engines' file: what the manual shows is taken, and what it names can be set."""

import re
from pathlib import Path

import pytest

from aicore.settings import SettingsError
from aicore.wiring.tiers import TierConfig, build, read_file

MANUAL = Path(__file__).parents[3] / "docs" / "operations.md"


def written(folder: Path, text: str) -> Path:
    file = folder / "engines.toml"
    file.write_text(text)
    return file


def of_the_manual() -> str:
    chapter = MANUAL.read_text().partition("## Engines and tiers")[2].partition("\n## ")[0]
    found = re.search(r"```toml\n(.*?)```", chapter, re.DOTALL)
    assert found
    return found[1]


def test_the_manuals_example_is_taken(tmp_path: Path) -> None:
    tiers, engines = build(read_file(written(tmp_path, of_the_manual())))
    assert {name: tier.below for name, tier in tiers.items()} == {"gold": "silver", "silver": ""}
    assert [engine.name for engine in engines] == ["gold-a", "silver-a", "emergency"]


def test_every_limit_that_the_manual_names_can_be_set(tmp_path: Path) -> None:
    chapter = MANUAL.read_text().partition("## Engines and tiers")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+_(?:s|ms))` \(", chapter))
    assert "patience_s" in named
    assert named <= TierConfig.model_fields.keys()
    text = of_the_manual().replace("token_ms = 16", "token_ms = 16\npatience_s = 0.5")
    tiers, _ = build(read_file(written(tmp_path, text)))
    assert tiers["gold"].patience_s == 0.5


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('engines = ["gold-a"]', 'engines = ["gold-b"]', "tiers.gold.engines names 'gold-b'"),
        ('below = "silver"', 'below = "bronze"', "names 'bronze', which is no tier of the file"),
        ("ttft_ms = 250", 'ttft_ms = 250\nbelow = "gold"', "leads back to itself"),
        ("ttft_ms = 250", "ttft_ms = 0", "greater than 0"),
        ("[tiers.gold]", "[tiers.gold", "is no TOML"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, before: str, after: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_file(written(tmp_path, of_the_manual().replace(before, after)))
