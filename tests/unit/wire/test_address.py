"""Addresses of NATS: lists, encoded passwords, IPv6, and nothing secret in what is shown."""

import pytest

from aicore.addresses import masked
from aicore.settings import SettingsError, load_settings
from bus.nats.address import AddressError, parse_address


@pytest.mark.parametrize(
    ("text", "servers", "who"),
    [
        ("nats://h", ("nats://h:4222",), (None, None, None)),
        ("nats://h:5,h2:6", ("nats://h:5", "nats://h2:6"), (None, None, None)),
        ("nats://h:5, tls://h2", ("nats://h:5", "tls://h2:4222"), (None, None, None)),
        ("nats://[::1]:5", ("nats://[::1]:5",), (None, None, None)),
        ("nats://t%20oken@h", ("nats://h:4222",), (None, None, "t oken")),
        ("nats://core:p%40ss%2Fw%3Ard%231@h:5", ("nats://h:5",), ("core", "p@ss/w:rd#1", None)),
        ("nats://u:p%2Cq@a,nats://u:p%2Cq@b", ("nats://a:4222", "nats://b:4222"), ("u", "p,q", None)),
        ("nats://u:p@a,b", ("nats://a:4222", "nats://b:4222"), ("u", "p", None)),
        ("nats://u:p@[::1]:5", ("nats://[::1]:5",), ("u", "p", None)),
    ],
)
def test_an_address_is_read_as_it_is_meant(
    text: str, servers: tuple[str, ...], who: tuple[str | None, str | None, str | None]
) -> None:
    found = parse_address(text)

    assert found.servers == servers
    assert (found.user, found.password, found.token) == who


@pytest.mark.parametrize(
    "text",
    [
        "http://u:hunter2@h",
        "nats://u:hunter2#x@h",
        "nats://u:hunter/2@h",
        "nats://u:hunter2@h:port",
        "nats://u:hunter2@h:0",
        "nats://u:hunter2@h:65536",
        "nats://u:hunter2@[h",
        "nats://u:hunter2@",
        "nats://u:hunter2@a,nats://v:hunter2@b",
        "nats://a,",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse_address(text)
    monkeypatch.setenv("AICORE_NATS_URL", text)
    with pytest.raises(SettingsError, match="AICORE_NATS_URL") as told:
        load_settings()

    assert "hunter" not in f"{refused.value} {told.value}"
    assert "hunter" not in masked(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://u:hunter2@a:1,nats://u:hunter2@b:2", "nats://u:***@a:1,nats://u:***@b:2"),
        ("nats://hunter2@a:1,b:2", "nats://***@a:1,nats://***@b:2"),
        ("postgresql://u:hunter2@a:1,[::1]:2/db", "postgresql://u:***@a:1,[::1]:2/db"),
        ("postgresql://u:hunter@2@a/db", "postgresql://u:***@a/db"),
    ],
)
def test_no_password_of_a_list_is_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:hunter2#x@h/db", "postgresql://u:p[hunter2@h/db", "postgresql://u:p@h:hunter2/db"]
)
def test_a_password_of_postgres_that_is_not_encoded_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    """asyncpg would take a part of it for the port, and say that it is none."""
    monkeypatch.setenv("AICORE_POSTGRES_DSN", dsn)
    with pytest.raises(SettingsError, match="AICORE_POSTGRES_DSN") as told:
        load_settings()

    assert "hunter" not in str(told.value)
    assert "%23" in str(told.value)


@pytest.mark.parametrize("folder", ["a\nb", "a\tb", "a\udcffb"])
def test_a_state_directory_is_printable(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("AICORE_STATE_DIR", folder)
    with pytest.raises(SettingsError, match="AICORE_STATE_DIR"):
        load_settings()
