"""`aicore world weather`, `override`, `lift`: what the weather is and will be, and what is laid over it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.clock import span_s
from aicore.cli.terminal import Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell
from aicore.client import Client

Zone = Annotated[str | None, typer.Option(help="Only this zone.", show_default="all")]
Handle = Annotated[str, typer.Argument(help="The override's name, chosen by you.")]

COLUMNS = {
    "zone": Kind.NAME,
    "weather": Kind.NAME,
    "until": Kind.NAME,
    "then": Kind.NAME,
    "air": Kind.TEXT,
    "why": Kind.TEXT,
}
EXPECTED = {"zone": Kind.NAME, "when": Kind.NAME, "weather": Kind.NAME, "sure": Kind.NAME}
NONE_YET = (
    "there is no weather yet: it needs a clock (`aicore clock start`) and a world (`aicore world load`)"
)


def weather(
    zone: Zone = None,
    *,
    forecast: Annotated[bool, typer.Option("--forecast", help="What is expected, and how sure.")] = False,
    json: Json = False,
) -> None:
    """Show the weather in each zone: what it is, what it goes over into and when, and why."""
    name = "weather.forecast" if forecast else "weather.now"

    async def work(client: Client) -> Any:
        return (await client.query(name, {"zone": zone})).result

    found = over_wire(work)
    if json:
        print_json(found)
    elif found is None:
        out.print(NONE_YET)
    elif forecast:
        print_rows(expected(found), "nothing is forecast")
    else:
        print_rows(listing(found), "there is no such zone")
        for front in found["fronts"]:
            out.print(front_told(front), markup=False, soft_wrap=True)


def listing(found: Mapping[str, Any]) -> Listing:
    """Return the table of zones."""
    return Listing(COLUMNS, [_row(zone) for zone in found["zones"]])


def _row(zone: Mapping[str, Any]) -> Sequence[str]:
    change = zone["transition"]
    air = (
        f"{zone['temperature'] / 100:.1f} °C, wind {zone['wind'] / 10:.0f} km/h, "
        f"humidity {zone['humidity'] // 10} %, one sees {zone['visibility']:,} m"
    )
    why = (
        f"{zone['regime']} since front {zone['front']}"
        if zone["front"]
        else f"{zone['regime']} by the season"
    )
    return [
        zone["zone"],
        f"{words(change['from'])} to {words(change['to'])}" if change else words(zone["state"]),
        hour(zone["until_ms"]),
        words(zone["then"]),
        air,
        f"override {zone['override']}" if zone["override"] else why,
    ]


def expected(found: Mapping[str, Any]) -> Listing:
    """Return the table of a forecast."""
    rows = [
        [
            each["zone"],
            _ahead(each["at_ms"] - found["game_ms"]),
            words(each["state"]),
            f"{each['confidence'] // 10} %",
        ]
        for each in found["entries"]
    ]
    return Listing(EXPECTED, rows)


def front_told(front: Mapping[str, Any]) -> str:
    """Return a front on one line."""
    arrives = ", ".join(f"{each['zone']} {hour(each['at_ms'])}" for each in front["arrives"])
    return (
        f"front {front['number']} brings {front['regime']} weather, {front['inland_m'] / 1_000:.1f} km inland"
        f" at {front['speed'] / 10:.0f} km/h; arrives {arrives}"
    )


def words(state: str) -> str:
    """Return a state as one says it."""
    return state.replace("_", " ")


def hour(game_ms: int) -> str:
    """Return the time of day of a game time, in hours of 60 minutes."""
    minutes = game_ms // 60_000
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _ahead(span_ms: int) -> str:
    return f"in {span_ms // 3_600_000} h {span_ms // 60_000 % 60:02} min"


def override(  # noqa: PLR0913 - one parameter per option of the command line
    handle: Handle,
    state: Annotated[str, typer.Argument(help="One of the 14 states, e.g. fog or heavy_rain.")],
    zones: Annotated[list[str], typer.Option("--zone", help="Over which zone; may be given several times.")],
    operator: Operator,
    reason: Reason,
    lasts: Annotated[str, typer.Option("--for", help="How long: 45m, 6h or 2d of game time.")] = "6h",
    *,
    json: Json = False,
) -> None:
    """Lay a weather over zones for a while; it eases in and out, and the weather goes on below it."""
    payload = {
        "handle": handle,
        "state": state,
        "zones": zones,
        "span_ms": span_s(lasts) * 1_000,
        "operator": operator,
        "reason": reason,
    }
    reply = over_wire(lambda client: client.command("weather.override", payload))
    tell(reply, f"{words(state)} is laid over {', '.join(zones)} for {lasts}", json=json)


def lift(handle: Handle, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """End an override before its time; what is below it eases in."""
    payload = {"handle": handle, "operator": operator, "reason": reason}
    reply = over_wire(lambda client: client.command("weather.lift", payload))
    tell(reply, f"override {handle} is over", json=json)
