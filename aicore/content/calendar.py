"""The sample world's calendar."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import orjson


def shipped_calendar() -> Mapping[str, Any]:
    """Return the calendar of Cindermouth, as `clock.start` takes it."""
    found: Mapping[str, Any] = orjson.loads(files("aicore.content").joinpath("calendar.json").read_bytes())
    return found
