"""nats-py's parser (2.16) with a judge, who sees a message's head before anything is done about its payload.

What the judge refuses is passed over as it comes: it is not put together, copied or waited for.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Protocol

from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

PLAIN = re.compile(rb"MSG (\S+) (\d+) (?:(\S+) )?(\d+)\r\n")
WITH_HEADERS = re.compile(rb"HMSG (\S+) (\d+) (?:(\S+) )?(\d+) (\d+)\r\n")
"""Heads of messages, as nats-server writes them: subject, subscription, reply, (bytes of headers,) bytes."""

END = b"\r\n"


class Judge(Protocol):
    """Says who is heard; told of each message once."""

    def came(self, subscription: bytes, size: int) -> None:
        """Hear of a message, before anything else, by which of our subscriptions it came."""

    def refuses(self, subject: bytes, reply: bytes, size: int) -> bool:
        """Say whether nobody is to have a message."""

    def is_shut(self, subject: bytes) -> bool:
        """Say, after a refusal, whether all others on that subject are to be passed over for now, unheard."""

    def passed_over(self, subject: bytes, number: int) -> None:
        """Hear how many those were."""

    def gives_way(self) -> bool:
        """Say whether so much was let in since the last time that it is to be taken before more is read."""

    def replies(self) -> bytes:
        """Return what the server is to be told of refusals since the last time, as NATS's commands."""


class JudgingParser(Parser):
    """Hands messages to its client, but for those that the judge refuses."""

    def __init__(self, nc: Any, judge: Judge) -> None:
        self._judge = judge
        super().__init__(nc)

    def reset(self) -> None:
        """Forget what was read: another connection begins."""
        super().reset()
        self._passing = 0
        """Bytes to come of a message that was refused."""
        self._missing = 0
        """Bytes of the message at the front, which was let in; 0: it was not judged."""

    async def parse(self, data: bytes = b"") -> None:
        """Take in what came from the server.

        Raises:
            ProtocolError: it is not NATS's protocol.
        """
        if len(data) <= self._passing:
            self._passing -= len(data)
            return
        buffer = self.buf
        buffer.extend(data)
        if len(buffer) < self._missing:
            return
        while await self._messages(buffer) and await self._other(buffer):
            pass

    async def _messages(self, buffer: bytearray) -> bool:
        """Take messages from the front; return whether something else may be there."""
        at, end = self._passing, len(buffer)
        shut: dict[bytes, int] = {}
        heard = True
        while at < end and (found := PLAIN.match(buffer, at) or WITH_HEADERS.match(buffer, at)):
            subject, after = found[1], found.end() + int(found[found.lastindex or 0]) + len(END)
            if not self._missing:
                self._judge.came(found[2], after - found.end())
            if subject in shut:
                shut[subject] += 1
                at = after
            elif not self._missing and self._judge.refuses(subject, found[3] or b"", after - found.end()):
                if self._judge.is_shut(subject):
                    shut[subject] = 0
                at, heard = after, False
            elif after > end:
                self._missing = after - at
                break
            else:
                self._missing, at = 0, after
                await self.nc._process_msg(*_parts(buffer, found, after))
                if self.buf is not buffer:
                    return False  # reset: another connection
        self._passing = max(0, at - end)
        del buffer[:at]
        gives_way = self._judge.gives_way()
        if not heard:
            await self._refused(shut)
        elif gives_way:
            await asyncio.sleep(0)
        return bool(buffer) and not self._missing and self.buf is buffer

    async def _refused(self, shut: Mapping[bytes, int]) -> None:
        """Tell of what was refused, and let others have their turn: more of it may be waiting already."""
        for subject, number in shut.items():
            self._judge.passed_over(subject, number)
        if replies := self._judge.replies():
            await self.nc._send_command(replies)
            if self.nc._flush_queue.empty():
                await self.nc._flush_pending()
        await asyncio.sleep(0)

    async def _other(self, buffer: bytearray) -> bool:
        """Have nats-py see to what is no message; return False if more has to come first."""
        end = buffer.find(END) + len(END)
        if end < len(END):
            return False
        line, alone = bytes(buffer[:end]), bytearray()
        del buffer[:end]
        self.buf = alone
        await super().parse(line)
        if self.buf is not alone:
            return False  # reset
        self.buf = buffer
        if alone or self.state != AWAITING_CONTROL_LINE:
            raise ProtocolError("nats: unknown protocol")
        return True


def _parts(buffer: bytearray, head: re.Match[bytes], after: int) -> tuple[Any, ...]:
    """Return a message as nats-py's client takes it: subscription, subject, reply, payload, headers."""
    subject, subscription, reply, *sizes = head.groups()
    start = head.end() + (int(sizes[0]) if len(sizes) > 1 else 0)
    headers = bytes(buffer[head.end() : start]) if start > head.end() else None
    return int(subscription), subject, reply or b"", bytes(buffer[start : after - len(END)]), headers
