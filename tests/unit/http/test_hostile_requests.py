"""Requests that are wrong by a client's doing: an answer or a closed connection, and no line in any log."""

import asyncio
import gzip
import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Literal

import pytest
import structlog

from aicore.http.server import HEADER_BYTES_MAX, HEADERS_MAX
from aicore.logs import set_up
from protocol.meta import decode_meta
from protocol.packing import unpack
from tests.unit.inference.door_kit import KEY, USE_CASE, Door, door
from tests.unit.kit import until

BODY = json.dumps({"model": USE_CASE, "prompt": "who goes there"}).encode()
HOST = b"Host: localhost\r\n"
BEARER = f"Authorization: Bearer {KEY}\r\n".encode()
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /v1/completions HTTP/1.1\r\n" + HOST + BEARER + JSON
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST + BEARER
WHOLE = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b" " * 9_000_000, mtime=0)
ANSWER_S = 10.0

REQUESTS: dict[str, tuple[bytes, int]] = {
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "a version to come": (b"GET /v1/models HTTP/9.9\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /v1/models\r\n\r\n", 401),
    "HTTP/1.0 with its Host": (b"GET /v1/models HTTP/1.0\r\n" + HOST + BEARER + b"\r\n", 200),
    "HTTP/1.0 without one": (b"GET /v1/models HTTP/1.0\r\n" + BEARER + b"\r\n", 200),
    "no Host": (b"GET /v1/models HTTP/1.1\r\n" + BEARER + b"\r\n", 400),
    "two Hosts": (GET + HOST + b"\r\n", 400),
    "an absolute address": (GET.replace(b"/v1", b"http://localhost/v1") + b"\r\n", 200),
    "an absolute address of others": (GET.replace(b"/v1", b"http://evil.example/v1") + b"\r\n", 421),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + BEARER + b"\r\n", 404),
    "TRACE": (b"TRACE /v1/models HTTP/1.1\r\n" + HOST + BEARER + b"\r\n", 405),
    "OPTIONS of all": (b"OPTIONS * HTTP/1.1\r\n" + HOST + BEARER + b"\r\n", 404),
    "a method of nobody": (b"BREW /v1/models HTTP/1.1\r\n" + HOST + BEARER + b"\r\n", 400),
    "an upgrade": (GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    "up and away": (GET.replace(b"/v1/models", b"/../../etc/passwd") + b"\r\n", 404),
    "percent signs": (GET.replace(b"/v1/models", b"/v1/models/%00%ff%0d%0a") + b"\r\n", 404),
    "a long first line": (GET.replace(b"/v1", b"/" + b"v" * HEADER_BYTES_MAX) + b"\r\n", 400),
    "a long header": (GET + b"X: " + b"y" * 2 * HEADER_BYTES_MAX + b"\r\n\r\n", 400),
    "many headers": (GET + b"X: y\r\n" * HEADERS_MAX + b"\r\n", 400),
    "a header that is none": (GET + b"no header\r\n\r\n", 400),
    "a folded header": (GET + b"X: y\r\n z\r\n\r\n", 400),
    "a zero in a header": (GET + b"X: \x00\r\n\r\n", 400),
    "a length below zero": (GET + b"Content-Length: -1\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "a length and chunks": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a length too great": (POST + b"Content-Length: 999999999999\r\n\r\n{", 413),
    "no length": (POST + b"\r\n", 400),
    "chunks that are none": (CHUNKED + b"zz\r\n", 400),
    "a chunk without an end": (CHUNKED + b"2\r\n{}xx\r\n", 400),
    "broken JSON": (POST + b"Content-Length: 1\r\n\r\n{", 400),
    "broken gzip": (POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 400),
    "another type": (WHOLE.replace(JSON, b"Content-Type: text/plain\r\n"), 415),
    "a form": (WHOLE.replace(JSON, b"Content-Type: multipart/form-data; boundary=x\r\n"), 415),
    "no type": (WHOLE.replace(JSON, b""), 415),
    "no key": (WHOLE.replace(BEARER, b""), 401),
    "an expectation": (WHOLE.replace(JSON, JSON + b"Expect: 200-maybe\r\n"), 417),
    "many at once": (WHOLE * 20, 200),
    "a bomb": (POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, 413),
}


async def first_status(opened: Door, sent: bytes) -> int:
    """Send bytes and return the status of the first answer; 0: none came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(opened.url.rpartition(":")[2]))
    try:
        writer.write(sent)
        async with asyncio.timeout(ANSWER_S):
            line = await reader.readline()
        return int(line.split()[1]) if line else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def test_each_gets_its_answer_and_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    async with door() as opened:
        with structlog.testing.capture_logs() as logged:
            found = {name: await first_status(opened, sent) for name, (sent, _) in REQUESTS.items()}
            await until(lambda: not opened.service.under_way)
        async with opened.session.get(f"{opened.url}/v1/models") as answer:
            assert answer.status == 200
    assert found == {name: status for name, (_, status) in REQUESTS.items()}
    assert (logged, [record.getMessage() for record in caplog.records]) == ([], [])


@pytest.mark.parametrize("end", [True, False], ids=["its end", "a reset"])
async def test_what_breaks_off_anywhere_leaves_no_line(end: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Every request cut at places all over it, the connection ended in order or not."""
    async with door() as opened:
        port = int(opened.url.rpartition(":")[2])
        with structlog.testing.capture_logs() as logged:
            for sent, _ in REQUESTS.values():
                for cut in {1, len(sent) // 3, len(sent) * 2 // 3, len(sent) - 1, len(sent)}:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(sent[:cut])
                    if end:
                        writer.write_eof()
                        await asyncio.sleep(0)
                    writer.transport.abort()
            await until(lambda: not opened.service.under_way)
            async with opened.session.get(f"{opened.url}/v1/models") as answer:
                assert answer.status == 200
    assert (logged, [record.getMessage() for record in caplog.records]) == ([], [])


# --- keys in logs -------------------------------------------------------------------------------------------


@pytest.fixture
def root_log() -> Iterator[None]:
    """Leave the log of libraries as it was, for the next test."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.mark.usefixtures("root_log")
@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_key_is_in_a_log_an_error_or_an_event(
    form: Literal["console", "json"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right ones and wrong ones, wherever a client may put them, and an error of ours on the way."""
    written, answers = StringIO(), list[bytes]()
    set_up("debug", form, written)
    logging.getLogger().setLevel(logging.DEBUG)
    wrong = "sk-wrong-key-of-somebody"
    async with door() as opened:
        port = int(opened.url.rpartition(":")[2])
        for key in (KEY, wrong):
            bearer = f"Authorization: Bearer {key}\r\n".encode()
            for sent in (
                WHOLE.replace(BEARER, bearer),
                WHOLE.replace(BEARER, bearer.replace(b"Bearer", b"Basic")),
                WHOLE.replace(BEARER, bearer)[:-1] + b"!",
                GET.replace(BEARER, bearer) + b"\r\n",
                GET.replace(BEARER, bearer) + b"broken\r\n\r\n",
                GET.replace(BEARER, bearer).replace(b"/v1/models", f"/v1/models?key={key}".encode())
                + b"\r\n",
            ):
                answers.append(await answered(port, sent))
        monkeypatch.setattr(opened.service, "_admission", None)  # an error of ours
        answers.append(await answered(port, WHOLE))
        assert b" 500 " in answers[-1]
        await until(lambda: not opened.service.under_way)
        events = [
            (decode_meta(each.meta), unpack(each.payload, "payload")) for each in await opened.log.read_all()
        ]
    said = written.getvalue()
    assert "http_request_failed" in said
    for key in (KEY, wrong):
        assert key not in said
        assert key not in repr(events)
        assert not [answer for answer in answers if key.encode() in answer]


async def answered(port: int, sent: bytes) -> bytes:
    """Send a request and return all that comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent.replace(HOST, HOST + b"Connection: close\r\n"))
    async with asyncio.timeout(ANSWER_S):
        found = await reader.read()
    writer.close()
    return found
