"""Short frames of the place feed (SPEC.md, "Short frames"): the same frames as lists and numbers, no I/O.

What another op of the same change says anyway is left out: who comes in is on no way here any more, and who
sets out stands here no more. Ops are read back in words, their times as moments.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from protocol.errors import WireError
from protocol.fields import SHORT_FRAME, SHORT_VERSION
from protocol.frames import Frame
from protocol.kinds import read
from protocol.packing import pack_list, unpack_list


class ShortOp(NamedTuple):
    """An op's number, and what comes after it."""

    number: int
    values: str


KINDS = {"player": 1, "person": 2}
"""SPEC.md's numbers of kinds."""

OPS = {
    "in": ShortOp(1, "who, kind, since"),
    "out": ShortOp(2, "who"),
    "way": ShortOp(3, "who, kind, from, start, to, here, end"),
    "off": ShortOp(4, "who"),
    "shut": ShortOp(5, "way"),
    "open": ShortOp(6, "way"),
    "cells": ShortOp(7, "n"),
}
"""SPEC.md's table of short ops."""

_WORDS = {op.number: word for word, op in OPS.items()}
_COUNTS = {word: op.values.count(",") + 1 for word, op in OPS.items()}
_KINDS = {number: kind for kind, number in KINDS.items()}
_KEYS = [field.key for field in SHORT_FRAME[:-1]]


def encode_short(frame: Frame) -> bytes:
    """Return a frame's bytes in the short form."""
    return pack_list([SHORT_VERSION, frame.epoch, frame.fold, frame.seq, *map(short_change, frame.changes)])


def decode_short(data: bytes) -> Frame:
    """Return the frame that ``data`` is, its ops in words; ops of numbers that nobody knows are left out.

    Raises:
        WireError: it is none.
    """
    values = unpack_list(data, "short frame")
    head = len(_KEYS)
    fields = dict(zip(_KEYS, values, strict=False)) | {"changes": values[head:]}
    _, *found, changes = read(fields, SHORT_FRAME)
    epoch, fold, seq = found
    return Frame(epoch, fold, seq, [[position, *_in_words(ops)] for position, *ops in changes])


def short_change(change: Sequence[Any]) -> list[Any]:
    """Return a change, its position and ops in words, in the short form."""
    position, *ops = change
    comes = {about for word, about, *_ in ops if word == "in"}
    sets_out = {about for word, about, *_ in ops if word == "way"}
    return [
        position,
        *(
            [OPS[word].number, about, *short_row(more)]
            for word, about, *more in ops
            if not (word == "off" and about in comes) and not (word == "out" and about in sets_out)
        ),
    ]


def short_row(more: Sequence[Any]) -> list[Any]:
    """Return what is said of somebody: a number for the kind, `here` and `end` in ms after `start`."""
    match more:
        case [kind, origin, start, to, here, end]:
            return [KINDS[kind], origin, start, to, here - start, end - start]
        case [kind, since]:
            return [KINDS[kind], since]
        case _:
            return [*more]


def long_row(more: Sequence[Any]) -> list[Any]:
    """Return what `short_row` made short; a kind of a number that nobody knows stays that number."""
    match more:
        case [kind, origin, start, to, here, end]:
            return [_KINDS.get(kind, kind), origin, start, to, start + here, start + end]
        case [kind, since]:
            return [_KINDS.get(kind, kind), since]
        case _:
            return [*more]


def _in_words(ops: Sequence[Sequence[Any]]) -> Iterator[list[Any]]:
    for number, *values in ops:
        if word := _WORDS.get(number):
            if len(values) != _COUNTS[word]:
                raise WireError(
                    "malformed_message", "changes", f"has {word!r} with other than {OPS[word].values}"
                )
            about, *more = values
            yield [word, about, *_row(more)]


def _row(more: list[Any]) -> list[Any]:
    try:
        return long_row(more)
    except TypeError as error:
        raise WireError("malformed_message", "changes", "has an op whose times are no numbers") from error
