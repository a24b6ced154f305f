"""The process that carries out what scenes do to factions: a deed for each, once. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.director.messages import SceneClosed
from domain.factions.messages import Deed, Swayed
from domain.kernel.process import Due, Heard, Moment, Process

ACTOR = "component:director"


@dataclass(slots=True)
class Owing:
    """Deeds that are due: by id, the command and the event that it follows from; changed in place."""

    due: dict[str, tuple[Deed, Heard]] = field(default_factory=dict)


def evolve(state: Owing, heard: Heard) -> Owing:
    """Return what is due after an event; changes the state in place."""
    match heard.event:
        case SceneClosed() as event:
            for at, sway in enumerate(event.sways):
                id_ = f"scene-{event.scene}-{at}"
                deed = Deed(
                    deed_id=id_,
                    faction=sway.faction,
                    other=sway.other,
                    power=sway.power,
                    regard=sway.regard,
                    player=event.player,
                    operator=ACTOR,
                    reason=f"scene {event.scene}",
                )
                state.due[id_] = deed, heard
        case Swayed() as event:
            state.due.pop(event.deed_id, None)
        case _:
            pass
    return state


def react(state: Owing, _: Moment) -> Iterator[Due]:
    """Yield the deeds that are due."""
    for id_, (deed, heard) in state.due.items():
        yield Due(deed, heard.id, id_, heard.id, heard.correlation, ACTOR)


CONSEQUENCES: Process[Owing] = Process(
    name="consequences_of_scenes",
    types=(SceneClosed.event_name, Swayed.event_name),
    initial=lambda _: Owing(),
    evolve=evolve,
    react=react,
    insists=False,
)
