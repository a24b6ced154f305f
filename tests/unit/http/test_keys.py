"""Keys of the HTTP door: made once and for their owner alone, named, compared as digests, never repeated."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from aicore.keys import KEY_CHARACTERS_MIN, OWN_FILE, Keys, kept_key, named_keys, own_key
from aicore.settings import Settings, SettingsError, load_settings

KEY = "k" * KEY_CHARACTERS_MIN
OTHER = "o" * KEY_CHARACTERS_MIN


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    before = os.umask(0)
    try:
        made = own_key(folder)
    finally:
        os.umask(before)

    assert own_key(folder) == kept_key(folder) == made
    assert len(made) >= 40
    assert (folder / OWN_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [OWN_FILE]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_that_somebody_else_put_there_is_none(tmp_path: Path) -> None:
    made = own_key(tmp_path)
    os.chown(tmp_path / OWN_FILE, 65_534, 65_534)

    assert kept_key(tmp_path) is None
    assert own_key(tmp_path) != made
    assert (tmp_path / OWN_FILE).stat().st_uid == 0


def test_who_asks_at_once_gets_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: own_key(tmp_path), range(32)))

    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "mode"), [("", 0o600), ("short\n", 0o600), (f"{KEY}\n", 0o644), (f"{KEY}\n", 0o640)]
)
def test_a_key_that_is_not_whole_or_not_secret_is_made_anew(tmp_path: Path, text: str, mode: int) -> None:
    (tmp_path / OWN_FILE).write_text(text)
    (tmp_path / OWN_FILE).chmod(mode)

    assert kept_key(tmp_path) is None
    assert own_key(tmp_path) not in ("", "short", KEY)
    assert (tmp_path / OWN_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (" , ", {}),
        (KEY, {"local": KEY}),
        (f"forge:{KEY}", {"forge": KEY}),
        (f"forge:{KEY}, smithy-2:{OTHER}", {"forge": KEY, "smithy-2": OTHER}),
        (f"{KEY}, forge:{OTHER}", {"local": KEY, "forge": OTHER}),
        (f"Forge:{KEY}", {"local": f"Forge:{KEY}"}),
    ],
)
def test_keys_are_named(text: str, found: dict[str, str]) -> None:
    assert named_keys(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "hunter2", f"forge:{KEY[1:]}", f"forge:{KEY},forge:{OTHER}", f"forge:{KEY},smithy:{KEY}",
        f"{KEY} hunter2", f"{KEY}\x07hunter2", f"{KEY}\u00a0hunter2",
    ],
)  # fmt: skip
def test_what_will_not_do_is_told_without_repeating_it(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICORE_HTTP_KEY", text)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert "AICORE_HTTP_KEY: key " in str(refused.value)
    assert not [part for part in ("hunter2", KEY, OTHER) if part in str(refused.value)]


def test_a_key_is_its_owners_and_no_representation_has_one() -> None:
    keys = Keys({"forge": KEY, "smithy": OTHER})

    assert (keys.owner(KEY.encode()), keys.owner(OTHER.encode())) == ("forge", "smithy")
    assert [keys.owner(given) for given in (b"", KEY[1:].encode(), f"{KEY} ".encode(), b"\xff")] == [None] * 4
    assert Keys({}).owner(b"") is None
    assert repr(keys) == "Keys(forge, smithy)"
    assert KEY not in repr(Settings(http_key=SecretStr(KEY)))
