"""Identities: who may be on the wire, and the subjects that are theirs alone (SPEC.md, "Identities").

NATS does not tell a receiver who published. So the last token of a request's subject names the sender, and
the server lets each connection publish only what ends in its own name.
"""

import re
from typing import NamedTuple, Self

from protocol.errors import WireError

KINDS = ("component", "service", "operator")
"""AI Core's own processes; the game's services; people, and the pipelines that act for them."""

NAME = "[a-z][a-z0-9_]{0,30}"
TOKEN = re.compile(rf"({'|'.join(KINDS)})-({NAME})")

REPLIES = "_R_."
"""Prefix of replies that the server takes to another account: no client can name such a subject."""

ANYBODYS = ("_INBOX.", REPLIES)
"""Beginnings of subjects where somebody may get an error that he did not ask for, and nothing worse."""


class Identity(NamedTuple):
    """Owner of a connection; as text the token ``{kind}-{name}``, which stands in subjects."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Return the token."""
        return f"{self.kind}-{self.name}"

    @classmethod
    def parse(cls, token: object) -> Self:
        """Return the identity that a token names.

        Raises:
            WireError: ``invalid_field``, it names none.
        """
        found = TOKEN.fullmatch(token) if isinstance(token, str) else None
        if not found:
            raise WireError("invalid_field", "subject", f"must end in the sender's identity: {TOKEN.pattern}")
        return cls(found[1], found[2])

    @property
    def actor(self) -> str:
        """Its name in events: ``{kind}:{name}``."""
        return f"{self.kind}:{self.name}"

    @property
    def inbox(self) -> str:
        """What the subjects of its replies begin with; clients call it the inbox prefix."""
        return f"_INBOX.{self}"

    def receives(self, realm: str, subject: str) -> bool:
        """Say whether a subject is this identity's own to receive on."""
        return subject.startswith((f"{self.inbox}.", f"{realm}.live.{self}."))

    def is_answered_at(self, reply: str) -> bool:
        """Say whether a reply may go there: who names another's subject would make a service his deputy."""
        return reply.startswith((f"{self.inbox}.", REPLIES))


UNNAMED = Identity("component", "owner")
"""Identity behind a user of a server of one's own, if nothing says another name."""
