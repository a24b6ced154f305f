"""Places: where everybody is, how one gets from one to another, and who sees it."""

from domain.kernel.context import Context
from domain.places.live import PlaceFrame, ShortFrame
from domain.places.messages import (
    Arrive,
    Arrived,
    CloseWay,
    CutJourney,
    Depart,
    Departed,
    Enter,
    Entered,
    JourneyCut,
    Left,
    OpenWay,
    TurnBack,
    TurnedBack,
    WayClosed,
    WayOpened,
)
from domain.places.queries import MapQuery, SnapshotQuery

CONTEXT = Context(
    "places",
    events=(Entered, Departed, Arrived, TurnedBack, JourneyCut, Left, WayClosed, WayOpened),
    commands=(Enter, Depart, TurnBack, CloseWay, OpenWay),
    internal=(Arrive, CutJourney),
    queries=(MapQuery, SnapshotQuery),
    live=(PlaceFrame, ShortFrame),
)
