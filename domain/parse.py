"""Data from outside into a typed command or query, or a refusal that names the field."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from domain.decider import Rejected

M = TypeVar("M", bound=BaseModel)

_REMEDIES = {
    "extra_forbidden": "remove the field",
    "missing": "add the field",
}


def parse(model: type[M], data: Mapping[str, object]) -> M:
    """Return ``data`` as a ``model``, strictly: no string is taken for a number, no unknown field is dropped.

    Raises:
        Rejected: code ``invalid_field``; ``field`` is the dotted path of the first field at fault, the
            message names every one.
    """
    try:
        return model.model_validate(data, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        told = [
            (".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, "), fault["type"])
            for fault in faults
        ]
        raise Rejected(
            "invalid_field",
            "; ".join(f"{path}: {message}" if path else message for path, message, _ in told[:8]),
            field=told[0][0],
            remedy=_REMEDIES.get(told[0][2], "send a value of the form that the command's schema gives"),
        ) from None
