"""Lines that are pinned: what a writer wants said word for word, checked as the corpus is. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.kernel.decider import Decider, Rejected
from domain.story.clauses import Thing
from domain.story.corpus import Mark, Pair, Voice, Words, line_faults
from domain.story.messages import LinePinned, LineUnpinned, Pin, Unpin
from domain.story.plan import LETTERS, Signature, read_plan
from domain.story.saying import Saying, fitted

PinEvent = LinePinned | LineUnpinned


@dataclass(frozen=True, slots=True)
class Pinned:
    """All pins that hold, by id, in the order in which they were pinned."""

    by: Mapping[str, LinePinned] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """A pin, and what it is checked by.

    Attributes:
        words: what is not said, and what may have a capital.
    """

    command: Pin | Unpin
    signatures: Mapping[str, Signature]
    words: Words


@dataclass(frozen=True, slots=True)
class PinLine:
    """A pin, ready to be said.

    Attributes:
        event: id of the event by which it is pinned.
    """

    pinned: LinePinned
    pair: Pair
    event: str

    def says(self, saying: Saying) -> str | None:
        """Return its words for a plan; None: it is for another one."""
        found = fitted(self.pair, saying)
        if found is None or not _meant(self.pinned.let, found[1]):
            return None
        return found[0]


def _meant(let: Mapping[str, str], bound: Mapping[str, Thing]) -> bool:
    return all(letter in bound and bound[letter].id == argument for letter, argument in let.items())


def decide(asked: Checked, state: Pinned) -> Sequence[PinEvent]:
    """Return what follows: nothing if it is already so.

    Raises:
        Rejected: ``bad_pin``, ``unknown_pin``.
    """
    command = asked.command
    held = state.by.get(command.pin)
    if isinstance(command, Unpin):
        if held is None:
            known = ", ".join(state.by) or "there is none"
            raise Rejected("unknown_pin", f"no line is pinned as {command.pin}", field="pin", remedy=known)
        return [LineUnpinned(**command.model_dump())]
    pin_pair(command, asked.signatures, asked.words)
    pinned = LinePinned(**command.model_dump())
    if held is not None and held.model_copy(update={"operator": "", "reason": ""}) == pinned.model_copy(
        update={"operator": "", "reason": ""}
    ):
        return []
    return [pinned]


def evolve(state: Pinned, event: PinEvent) -> Pinned:
    """Return the pins after an event."""
    others = {pin: each for pin, each in state.by.items() if pin != event.pin}
    return replace(state, by={**others, event.pin: event} if isinstance(event, LinePinned) else others)


PINNING: Decider[Checked, PinEvent, Pinned] = Decider(Pinned(), decide, evolve)


def pin_pair(pin: Pin | LinePinned, signatures: Mapping[str, Signature], words: Words) -> Pair:
    """Return a pin as a pair of the corpus.

    Raises:
        Rejected: ``bad_pin``, with the first thing that is wrong with it.
    """
    plan, faults = read_plan(pin.plan, signatures)
    if plan is None or faults:
        near = f"; did you mean {faults[0].nearest}?" if faults[0].nearest else ""
        raise Rejected("bad_pin", faults[0].found, field="plan", remedy=faults[0].allowed + near)
    strange = [letter for letter in pin.let if letter not in plan.letters or letter not in LETTERS]
    if strange:
        raise Rejected(
            "bad_pin", f"{strange[0]} is no letter of the plan", field="let", remedy="leave it out"
        )
    pair = Pair(Voice("pin", pin.pin), plan, pin.text, Mark(pin.pin, 1))
    for _, found, allowed in line_faults(pair, words):
        raise Rejected("bad_pin", found, field="text", remedy=allowed)
    return pair


def pins_for(lines: Iterable[PinLine], person: str, voice: str) -> list[PinLine]:
    """Return the pins for who speaks: their own before those of their voice, the last one first."""
    own = [each for each in lines if each.pinned.by in (person, f"voice.{voice}")]
    own.reverse()
    return sorted(own, key=lambda each: each.pinned.by != person)


def pins_then(
    lines: Sequence[PinLine], person: str, voice: str, saying: Saying, said: PinLine | None
) -> list[PinLine]:
    """Return the pins that were known where a line was said, by what the line itself shows.

    A process hears of a pin a moment after the log has it. So a pin that would have been said, and was not,
    was not known there yet; and one that was said was known there still.

    Args:
        lines: the pins that held by the log, in its order.
        person: who spoke.
        voice: theirs.
        saying: what the line had to say.
        said: the pin that was a candidate for it; None: none was.
    """
    held = list(lines)
    if said is not None and said.event not in {each.event for each in held}:
        held = [*(each for each in held if each.pinned.pin != said.pinned.pin), said]
    unknown = set()
    for each in pins_for(held, person, voice):
        if said is not None and each.event == said.event:
            break
        if each.says(saying) is not None:
            unknown.add(each.event)
    return [each for each in held if each.event not in unknown]
