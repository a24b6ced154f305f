"""What the optimiser learns of the tiers when nobody tells it."""

import asyncio
from typing import Any

import pytest

from aicore.wiring import optimisation


class Silent:
    """A NATS connection whose requests are never answered."""

    _inbox_prefix = b"_INBOX.component-optimiser"

    async def request(self, *_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()


async def test_tiers_that_are_not_told_in_time_are_a_connection_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optimisation, "TIERS_ASKED_S", 0.01)

    with pytest.raises(ConnectionError, match=r"inference\.tiers: TimeoutError"):
        await optimisation.ask_tiers(Silent(), "test")  # type: ignore[arg-type]  # as far as it is asked
