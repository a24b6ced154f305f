"""Old versions of payloads made new: small functions from one version to the next, applied in a chain."""

from collections.abc import Callable, Mapping
from typing import Any

from protocol.errors import WireError

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]


class Upcasters:
    """From (type, version) to the function that turns such a payload into one of the next version."""

    def __init__(self, steps: Mapping[tuple[str, int], Upcaster]) -> None:
        self._steps = dict(steps)

    def upcast(self, kind: str, version: int, payload: Payload, *, to: int) -> Payload:
        """Return ``payload`` as of version ``to``.

        Raises:
            WireError: ``unsupported_version``, a step is missing.
        """
        for step in range(version, to):
            function = self._steps.get((kind, step))
            if function is None:
                raise WireError("unsupported_version", "schema", f"no upcaster of {kind} from version {step}")
            payload = function(payload)
        return payload
