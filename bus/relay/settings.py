"""Check that the stream of events has the settings that the relay gave it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

UNLIMITED = -1

OURS: Mapping[str, Any] = {
    "subjects": [],
    "retention": "limits",
    "storage": "file",
    "discard": "old",
    "max_age": 0,
    "max_bytes": UNLIMITED,
    "max_msgs": UNLIMITED,
    "max_msgs_per_subject": UNLIMITED,
    "max_msg_size": UNLIMITED,
    "max_consumers": UNLIMITED,
    "num_replicas": 1,
    "duplicate_window": 0,
    "first_seq": 1,
    "sealed": False,
    "deny_delete": False,
    "deny_purge": False,
    "allow_direct": False,
    "allow_rollup_hdrs": False,
    "allow_msg_ttl": False,
    "discard_new_per_subject": False,
    "no_ack": False,
    "mirror": None,
    "sources": None,
    "subject_transform": None,
    "republish": None,
    "consumer_limits": None,
}
"""What decides which messages a stream takes, keeps and hands out, with the server's default where it or we
leave it out. What is not here (description, compression, metadata) changes no message."""

SIZES = frozenset({"max_age", "max_bytes", "num_replicas"})
"""Settings that a deployment may choose; the relay's own choice stands in `relay_state.settings`."""


class Change(NamedTuple):
    """A setting that is not as it was made."""

    name: str
    wanted: Any
    there: Any

    def __str__(self) -> str:
        return f"{self.name} is {_shown(self.there)}, not {_shown(self.wanted)}"


def changes(wanted: Mapping[str, Any], there: Mapping[str, Any], *, sizes: bool = True) -> Sequence[Change]:
    """Return what is other than ``wanted`` in a stream's configuration; ``sizes``: whether they count.

    The first sequence is compared only where ``wanted`` names it: it is another for each stream that is made.
    """
    found = []
    for name, default in OURS.items():
        if (name == "first_seq" and name not in wanted) or (name in SIZES and not sizes):
            continue
        have, want = there.get(name, default) or default, wanted.get(name, default) or default
        if have != want:
            found.append(Change(name, want, have))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
