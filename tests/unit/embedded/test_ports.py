"""Addresses as people and programs are told them."""

import pytest

from aicore.embedded.ports import is_loopback, shown_host


@pytest.mark.parametrize(
    ("host", "shown", "loopback"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.9.9.9", "127.9.9.9", True),
        ("::1", "[::1]", True),
        ("localhost", "localhost", True),
        ("10.0.0.7", "10.0.0.7", False),
        ("fd00::1", "[fd00::1]", False),
        ("core.example", "core.example", False),
        ("0.0.0.0", "127.0.0.1", False),
        ("::", "[::1]", False),
        ("", "127.0.0.1", False),
    ],
)
def test_an_address_is_one_that_can_be_asked(host: str, shown: str, loopback: bool) -> None:
    assert (shown_host(host), is_loopback(host)) == (shown, loopback)
