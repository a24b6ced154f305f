"""msgpack with limits: hostile bytes cost a bounded amount and end in `WireError`, nothing else.

The decoder of the `msgpack` package checks lengths before it allocates; depth is checked on the result, which
those lengths bound. Maps have string keys only and no key twice; extension types are refused.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgpack

from protocol.errors import WireError
from protocol.limits import DEPTH_MAX, ITEMS_MAX, MESSAGE_BYTES_MAX


def pack(value: Mapping[str, Any]) -> bytes:
    """Return a map as msgpack, in the map's order.

    Raises:
        WireError: ``invalid_field``, a value that msgpack or the data model does not have.
    """
    return _packed(value)


def pack_list(value: Sequence[Any]) -> bytes:
    """Return a list as msgpack; see `pack`."""
    return _packed(value)


def _packed(value: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(value)
    except (TypeError, ValueError, OverflowError, UnicodeEncodeError) as error:
        raise WireError("invalid_field", "", f"cannot be written as msgpack: {error}") from error
    return packed


def unpack(data: bytes, what: str, *, bytes_max: int = MESSAGE_BYTES_MAX) -> dict[str, Any]:
    """Return the map that ``data`` is; ``what`` names it in errors.

    Raises:
        WireError: ``too_large``; ``malformed_message``: not one complete msgpack map with string keys, over
            the limits of depth or items, or with an extension type.
    """
    value = _unpacked(data, what, bytes_max, dict)
    assert type(value) is dict
    return value


def unpack_list(data: bytes, what: str, *, bytes_max: int = MESSAGE_BYTES_MAX) -> list[Any]:
    """Return the list that ``data`` is; see `unpack`."""
    value = _unpacked(data, what, bytes_max, list)
    assert type(value) is list
    return value


_CALLED: Mapping[type, str] = {dict: "map", list: "list"}


def _unpacked(data: bytes, what: str, bytes_max: int, kind: type) -> dict[str, Any] | list[Any]:
    if len(data) > bytes_max:
        raise WireError("too_large", what, f"has {len(data)} bytes, the limit is {bytes_max}")
    try:
        value = msgpack.unpackb(
            data,
            object_pairs_hook=_unique,
            ext_hook=_no_extension,
            max_array_len=ITEMS_MAX,
            max_map_len=ITEMS_MAX,
            max_ext_len=0,
        )
    except WireError:
        raise
    except RecursionError as error:
        raise WireError("malformed_message", what, f"is nested deeper than {DEPTH_MAX}") from error
    except Exception as error:  # msgpack raises many kinds (StackError, ExtraData, UnicodeDecodeError, …)
        raise WireError(
            "malformed_message", what, f"is no complete msgpack {_CALLED[kind]} ({type(error).__name__})"
        ) from error
    if not isinstance(value, dict | list) or type(value) is not kind:
        raise WireError(
            "malformed_message", what, f"is a msgpack {type(value).__name__}, not a {_CALLED[kind]}"
        )
    if _is_deeper(value, DEPTH_MAX):
        raise WireError("malformed_message", what, f"is nested deeper than {DEPTH_MAX}")
    return value


def _unique(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise WireError("malformed_message", "", "a map has the same key twice")
    for key in made:
        if type(key) is not str:
            raise WireError(
                "malformed_message", "", f"a map has a key of kind {type(key).__name__}, not string"
            )
    return made


def _no_extension(code: int, data: bytes) -> Any:
    raise WireError("malformed_message", "", f"extension type {code} is not part of the data model")


_HOLDERS = frozenset({dict, list})


def _is_deeper(value: dict[str, Any] | list[Any], depth: int) -> bool:
    """Return whether ``value`` has more than ``depth`` levels of maps and lists.

    Level by level: one call for each of 65,000 empty lists in one message would cost more than decoding them.
    """
    level: list[Any] = [value]
    for _ in range(depth):
        held = [*chain.from_iterable(holder.values() if type(holder) is dict else holder for holder in level)]
        if not _HOLDERS & set(map(type, held)):
            return False
        level = [item for item in held if type(item) in _HOLDERS]
    return True
