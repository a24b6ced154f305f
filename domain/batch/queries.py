"""Queries of the batches."""

from typing import ClassVar

from pydantic import Field

from domain.batch.messages import BatchId
from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, OPERATOR, PEOPLE
from domain.kernel.visibility import Personal, Private
from domain.kernel.vocabulary import Count

PAGE_MAX = 100
"""Entries of one answer at most."""


class BatchesQuery(Query, name="batch.list", may=(GRANTED, *PEOPLE)):
    """Ask for all batches.

    The result is a list of maps, the oldest first: ``batch_id``, ``name``, ``use_case``, ``status`` (open,
    submitted, completed or cancelled), and the numbers of ``items``, ``answered`` and ``failed``.
    """


class ResultsQuery(Query, name="batch.results", may=(GRANTED, OPERATOR)):
    """Ask for what came of a batch's items so far.

    The result is a list of maps in the order of the items' ends: ``id``, ``inference_id``, ``code`` (why it
    failed; empty: it was answered), ``message``, ``prompt`` and ``text``.
    """

    example: ClassVar = {"batch_id": "0" * 32, "after": 100, "limit": 100}
    shows: ClassVar = {"prompt": Private(), "text": Personal(of="inference_id")}

    batch_id: BatchId
    after: Count = Field(0, description="How many to leave out: those that were read before.")
    limit: int = Field(PAGE_MAX, ge=1, le=PAGE_MAX, description="At most so many at a time.")
