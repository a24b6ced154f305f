"""Queries of the registry."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE, SERVICE
from domain.kernel.vocabulary import IdPrefix, UseCase


class CurrentQuery(Query, name="registry.current", may=(SERVICE, *PEOPLE)):
    """Ask for the model that serves a use case now.

    The result is nil, or a map: the fields of registry.model_registered but ``card``, with ``description``
    and ``configuration`` as they are now, ``status``, ``aliases`` (a model's id by alias) and ``shares``
    (percent of the traffic by model's id).
    """

    example: ClassVar = {"use_case": "npc_dialogue"}

    use_case: UseCase


class ModelsQuery(Query, name="registry.models", may=(GRANTED, *PEOPLE)):
    """Ask for the newest models of one use case, or of all.

    The result is a list of at most 500 maps, the oldest first: the fields of registry.model_registered but
    ``card``, ``description`` and ``configuration`` as they are now, ``status`` (testing, current,
    candidate, deprecated or retired), ``evaluation`` (the last verdict, or nil), ``barred`` (true: it was
    rolled back and needs a new evaluation), ``registered_us``, ``changed_us`` and ``position``.
    """

    use_case: UseCase | None = None
    model_id: IdPrefix = Field("", description="Only those whose id begins so.")


class DeploymentsQuery(Query, name="deployment.list"):
    """Ask for the newest deployments of one use case, or of all.

    The result is a list of maps, the oldest of them first: the fields of deployment.started, ``state``
    (preparing, running, held, completed, aborted, failed or rolled_back), ``share`` (percent), ``step``
    (from 0), ``ended_us`` (nil while it runs) and ``story``: what happened, each with ``at_us``,
    ``position``, ``what`` and the fields that tell more. A model taken back when no deployment ran is a row
    whose ``deployment_id`` and ``strategy`` are nil.
    """

    use_case: UseCase | None = None
    deployment_id: IdPrefix = Field("", description="Only those whose id begins so.")
    limit: int = Field(100, ge=1, le=200, description="At most so many, the newest.")
