"""Roles: who may send a command or ask a query; declared with the message, held by the server.

`SERVICE` is every service of the game. What is declared `GRANTED` is for those services to which somebody
gave it by name. The others are roles of people, and of pipelines that act for them; one may have several.
"""

from collections.abc import Collection, Iterable
from typing import Literal

Role = Literal["service", "granted", "viewer", "operator", "auditor", "designer"]

SERVICE: Role = "service"
GRANTED: Role = "granted"
VIEWER: Role = "viewer"
"""Looks, and changes nothing."""
OPERATOR: Role = "operator"
"""Decides what players meet: models, deployments, policies in force, the log's confirmation."""
AUDITOR: Role = "auditor"
"""Reviews, and sees what is masked to others."""
DESIGNER: Role = "designer"
"""Writes what others put in force: templates, suites, policies, models as candidates."""

PEOPLE: tuple[Role, ...] = (VIEWER, OPERATOR, AUDITOR, DESIGNER)
GOVERNING: tuple[Role, ...] = (OPERATOR,)
WRITING: tuple[Role, ...] = (OPERATOR, DESIGNER)


def acting_role(may: Iterable[Role], has: Collection[Role] | None) -> Role | None:
    """Return the role in which somebody sends what those of ``may`` may send; None: that cannot be told.

    ``has``: the sender's roles. None: they are not known here; the server let the sender through, so if
    ``may`` names one role of people, it is that one.
    """
    able = [role for role in may if role in PEOPLE and (has is None or role in has)]
    return able[0] if able and (has is not None or len(able) == 1) else None
