"""Hosts and pages: whom the HTTP door answers at all, before any key."""

import json
from functools import partial

import pytest
from aiohttp.test_utils import make_mocked_request

from aicore.http.boundary import host_fault, page_fault
from aicore.settings import SettingsError, load_settings
from aicore.wiring.inference import unready
from bus.nats.fair import FairClient
from bus.ports import ClockWrong
from handlers.kernel.follow import Follower
from handlers.registry.models import RegistryView
from tests.unit.inference.door_kit import KEY, Door, door
from tests.unit.inference.test_openai_door import bare
from tests.unit.kit import memory_log

NAMES = frozenset({"core.example"})


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("localhost", True), ("LOCALHOST:8080", True), ("localhost.", True), ("a.localhost:1", True),
        ("127.0.0.1:8080", True), ("10.1.2.3", True), ("[::1]:8080", True), ("[fd00::1]", True),
        ("core.example", True), ("Core.Example.:443", True),
        ("evil.example", False), ("127.0.0.1.evil.example", False), ("localhost.evil.example", False),
        ("evillocalhost", False), ("core.example.evil.example", False), ("2130706433", False),
        ("0x7f.1", False), ("127.1", False), ("", False), (" ", False), ("core.example:x", False),
        ("a@localhost", False), ("localhost/x", False), ("localhost, evil.example", False),
        ("[localhost]", False), ("::1", False),
    ],
)  # fmt: skip
def test_only_our_own_names_are_hosts(host: str, served: bool) -> None:
    fault = host_fault(make_mocked_request("GET", "/v1/models", headers={"Host": host}), NAMES)

    assert (fault is None) == served


@pytest.mark.parametrize(
    ("path", "host", "served"),
    [
        ("http://localhost/v1/models", "localhost", True),
        ("http://evil.example/v1/models", "localhost", False),
        ("http://localhost/v1/models", "evil.example", False),
        ("http://user@localhost/v1/models", "localhost", False),
        ("//evil.example/v1/models", "localhost", True),
    ],
)
def test_an_absolute_address_names_a_host_too(path: str, host: str, served: bool) -> None:
    request = make_mocked_request("GET", path, headers={"Host": host})

    assert (host_fault(request, NAMES) is None) == served


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1:8080"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
    ],
)
def test_pages_in_browsers_are_not_served(headers: dict[str, str], served: bool) -> None:
    assert (page_fault(make_mocked_request("POST", "/", headers=headers)) is None) == served


async def test_the_door_says_so_in_openais_form_and_shares_nothing_with_a_page() -> None:
    async with door(hosts=["Core.Example"]) as opened:
        assert await said(opened, "Host: evil.example") == (421, "unknown_host")
        assert await said(opened, "Host: evil.example", "/health") == (421, "unknown_host")
        assert await said(opened, "Host: core.example") == (200, "")
        page = "Host: localhost\r\nOrigin: https://evil.example"
        assert await said(opened, page) == (403, "origin_refused")
        asked = f"OPTIONS /v1/chat/completions HTTP/1.1\r\n{page}\r\nAccess-Control-Request-Method: POST"
        status, head, _ = await bare(opened, asked.encode())
        assert (status, b"Access-Control" in head) == (403, False)


async def said(opened: Door, heads: str, path: str = "/v1/models") -> tuple[int, str]:
    """Return status and code of the answer to a request with these headers and the key."""
    asked = f"GET {path} HTTP/1.1\r\n{heads}\r\nAuthorization: Bearer {KEY}"
    status, _, found = await bare(opened, asked.encode())
    return status, found.get("error", {}).get("code", "")


async def test_health_asks_for_no_key_and_says_nothing_else() -> None:
    async with door() as opened:
        bare_heads = {"Authorization": ""}
        async with opened.session.get(f"{opened.url}/health", headers=bare_heads) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
            assert (answer.headers["Server"], answer.headers["X-Content-Type-Options"]) == (
                "aicore",
                "nosniff",
            )
        for path in ("/metrics", "/v1/models", "/v1/nothing", "/", "/health/x"):
            async with opened.session.get(opened.url + path, headers=bare_heads) as answer:
                assert answer.status == 401, path


async def test_a_process_whose_clock_is_wrong_is_not_ready_and_who_has_a_key_is_told_why() -> None:
    log, clock_wrong = memory_log(), str(ClockWrong(3_000_000))
    nc = FairClient()
    nc._status = nc.CONNECTED
    followers: list[Follower] = []
    async with door(unready=partial(unready, log, nc, followers)) as opened:

        async def ready(**heads: str) -> tuple[int, bytes]:
            async with opened.session.get(f"{opened.url}/ready", headers=heads) as answer:
                return answer.status, await answer.read()

        assert await ready() == (200, b'{"ready":true,"reasons":[]}')
        assert await ready(Authorization="") == (200, b"")
        log.clock_wrong = clock_wrong
        status, told = await ready()
        assert (status, json.loads(told)["reasons"]) == (503, [clock_wrong])
        assert "clock" in clock_wrong
        assert await ready(Authorization="") == (503, b"")
        assert (await ready(Authorization="Bearer a-wrong-key-of-somebody"))[0] == 401
        log.clock_wrong, log.reachable, nc._status = "", False, nc.RECONNECTING
        status, told = await ready()
        assert (status, len(json.loads(told)["reasons"])) == (503, 2)
        view = RegistryView(log, decode=opened.codec.decode)
        view._error = "event 7"
        followers.append(view)
        assert b"models cannot take in an event: event 7" in (await ready())[1]
        async with opened.session.get(f"{opened.url}/health") as answer:
            assert answer.status == 200


def test_names_of_hosts_are_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICORE_HTTP_HOSTS", "Core.example, other.example")
    assert [*load_settings().http_names] == ["core.example", "other.example", "127.0.0.1"]

    for wrong in ("core.example:80", "http://core.example", "*", "a b"):
        monkeypatch.setenv("AICORE_HTTP_HOSTS", wrong)
        with pytest.raises(SettingsError, match="is no name of a host"):
            load_settings()
