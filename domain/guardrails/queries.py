"""Queries of the guardrails."""

from typing import ClassVar

from pydantic import Field

from domain.guardrails.policy import Severity
from domain.kernel.event import Query
from domain.kernel.roles import AUDITOR, OPERATOR
from domain.kernel.visibility import Personal, Private

PAGE_MAX = 500
"""Entries of one answer at most."""


class ViolationsQuery(Query, name="guardrails.violations", may=(OPERATOR, AUDITOR)):
    """Ask for what broke the policy lately.

    The result is a map: ``violations`` (a list, the newest first: the fields of the violation's event,
    ``at_us``, ``position``, and ``review``, nil until somebody judged it) and ``by_category`` (how many of
    each were found since the log began).
    """

    shows: ClassVar = {
        "violations.excerpt": Personal(of="violations.player"),
        "violations.sealed": Personal(of="violations.player"),
    }

    limit: int = Field(50, ge=1, le=PAGE_MAX, description="At most so many.")
    unreviewed: bool = Field(False, description="Only those that nobody judged.")
    severity: Severity | None = Field(None, description="Only those of one severity.")


class PolicyQuery(Query, name="guardrails.policy"):
    """Ask which policy holds, and which were published.

    The result is a map: ``active`` (name@version), ``profile`` and ``digest`` of the policy that holds,
    ``brought_along`` (true while none was activated), ``published`` (a list of name@version), ``profiles``
    (by name) and ``rules`` (each with ``id``, ``category``, ``severity`` and ``action``).
    """

    shows: ClassVar = {"policy": Private()}

    whole: bool = Field(False, description="Add ``policy``: every word of what holds.")
