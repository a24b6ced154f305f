"""What comes from the server, cut anywhere: who is heard gets all of his, and the others cost nothing."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from bus.nats.parser import JudgingParser

Sent = tuple[bytes, bytes, bytes, bytes]
"""Subject, reply, headers, payload."""

SHUT = b"flood.shut"
REFUSED = (SHUT, b"flood.told")
HEADERS = b"NATS/1.0\r\nA: b\r\n\r\n"

names = st.sampled_from([b"heard", b"heard.too", *REFUSED])
payloads = st.one_of(
    st.binary(max_size=40),
    st.just(b"MSG heard 1 3\r\nabc\r\n"),
    st.just(b"x" * 5_000),
    st.just(b"PING\r\n"),
)
sent = st.tuples(names, st.sampled_from([b"", b"_R_.x"]), st.sampled_from([b"", HEADERS]), payloads)


class Reader:
    """Client and judge at once; remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, bytes, bytes, bytes]] = []
        self.came_by: list[tuple[bytes, int]] = []
        self.refused: list[bytes] = []
        self.said: list[bytes] = []
        self.pings = 0
        self._flush_queue: asyncio.Queue[Any] = asyncio.Queue()
        self._flush_queue.put_nowait(None)
        self.parser = JudgingParser(self, self)

    async def _process_msg(
        self, _: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.heard.append((subject, reply, headers or b"", data))

    async def _process_ping(self) -> None:
        self.pings += 1

    async def _send_command(self, command: bytes) -> None:
        self.said.append(command)

    def came(self, subscription: bytes, size: int) -> None:
        self.came_by.append((subscription, size))

    def refuses(self, subject: bytes, reply: bytes, size: int) -> bool:
        if subject in REFUSED:
            self.refused.append(subject)
        return subject in REFUSED

    def is_shut(self, subject: bytes) -> bool:
        return subject == SHUT

    def passed_over(self, subject: bytes, number: int) -> None:
        self.refused += [subject] * number

    def gives_way(self) -> bool:
        return len(self.heard) % 2 == 1

    def replies(self) -> bytes:
        return b"told"


def line(message: Sent) -> bytes:
    subject, reply, headers, payload = message
    verb, sizes = (b"HMSG", b"%d %d") if headers else (b"MSG", b"%d")
    size = len(headers) + len(payload)
    told = sizes % ((len(headers), size) if headers else (size,))
    middle = b"%b " % reply if reply else b""
    return b"%b %b 7 %b%b\r\n%b%b\r\n" % (verb, subject, middle, told, headers, payload)


async def read(pieces: Sequence[bytes]) -> Reader:
    reader = Reader()
    for piece in pieces:
        await reader.parser.parse(piece)
    return reader


@given(st.lists(sent, max_size=12), st.lists(st.integers(0, 9_000), max_size=8))
def test_everybody_gets_what_is_theirs_wherever_the_stream_is_cut(
    messages: list[Sent], cuts: list[int]
) -> None:
    stream = b"".join(line(message) + b"PING\r\n" * (n % 3 == 0) for n, message in enumerate(messages))
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

    reader = asyncio.run(read([stream[a:b] for a, b in pairwise(places)]))

    assert reader.heard == [message for message in messages if message[0] not in REFUSED]
    assert sorted(reader.refused) == sorted(message[0] for message in messages if message[0] in REFUSED)
    sizes = [len(headers) + len(payload) + len(b"\r\n") for _, _, headers, payload in messages]
    assert reader.came_by == [(b"7", size) for size in sizes], "each is counted once, refused or not"
    assert reader.pings == len([n for n in range(len(messages)) if n % 3 == 0])
    assert not reader.parser.buf
    assert bool(reader.said) == bool(reader.refused)


async def test_a_refused_payload_is_not_kept() -> None:
    reader = await read([b"MSG flood.told 7 500000\r\n", b"x" * 300_000])
    assert not reader.parser.buf
    await reader.parser.parse(b"x" * 200_000 + b"\r\n" + line((b"heard", b"", b"", b"after it")))
    assert [data for *_, data in reader.heard] == [b"after it"]


async def test_a_new_connection_begins_with_nothing_of_the_old_one() -> None:
    reader = await read([b"MSG flood.told 7 500000\r\nxx", b"MSG heard 7 3\r\na"])
    reader.parser.reset()
    await reader.parser.parse(line((b"heard", b"", b"", b"new")))
    assert [data for *_, data in reader.heard] == [b"new"]


async def test_what_is_no_nats_is_refused() -> None:
    with pytest.raises(ProtocolError):
        await read([b"HTTP/1.1 200 OK\r\n"])
