"""Frames of the place feed on core NATS: of interest only now, and not stored."""

from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError

from protocol.frames import Frame, encode_frame
from protocol.short_frames import encode_short
from protocol.subjects import place_subject, short_subject


def frame_giver(nc: Client, realm: str) -> Callable[[str, str, str, int, Frame], Awaitable[None]]:
    """Return a function that sends a frame in both forms: side, district, place, cell, frame.

    It raises `ConnectionResetError` where nothing can be sent: old frames are of no use when NATS is back.
    """

    async def give(side: str, district: str, place: str, cell: int, frame: Frame) -> None:
        if not nc.is_connected:
            raise ConnectionResetError("NATS is away")
        try:
            where = side, district, place, cell
            await nc.publish(short_subject(realm, *where), encode_short(frame))
            await nc.publish(place_subject(realm, *where), encode_frame(frame))
        except NatsError as error:
            raise ConnectionResetError(f"a frame cannot be sent: {error!r}") from error

    return give
