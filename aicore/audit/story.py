"""Everything behind one turn, from the log alone: prompt, model, evaluation, promotion, policy.

For an auditor: every fact names the event that it was read from, and each digest that can be made again from
the log is made again and compared.
"""

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent, Where
from domain.evaluation.evaluation import stream_of as evaluation_stream
from domain.evaluation.messages import EvaluationFinished, EvaluationStarted
from domain.guardrails.messages import PolicyActivated, PolicyPublished, ViolationDetected
from domain.guardrails.policies import STREAM as POLICIES
from domain.guardrails.policy import digest_of as policy_digest
from domain.inference.inference import stream_of as inference_stream
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceFellBack,
    InferenceRated,
    InferenceRequested,
)
from domain.kernel.event import Event
from domain.kernel.visibility import Erased, shown
from domain.prompts.messages import TemplateRegistered
from domain.prompts.template import digest_of as template_digest
from domain.prompts.template import label
from domain.prompts.template import stream_of as template_stream
from domain.registry.facts import artefacts_digest
from domain.registry.messages import ModelEvaluated, ModelRegistered
from domain.registry.use_case import stream_of as registry_stream
from protocol.meta import ROLE, decode_meta

PAGE = 500
NEAR_US = 60_000_000
"""A violation is recorded within this time of its turn, which goes through the same spool."""

ASKED, ANSWERED = "inference.requested", "inference.completed"
ENDS = (ANSWERED, "inference.failed", "inference.cancelled")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a story, and the event that it was read from."""

    what: str
    said: str
    event: RecordedEvent
    sound: bool = True
    """False: a digest made again from the log is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which turns are looked for; empty fields do not restrict."""

    player: str = ""
    npc: str = ""
    conversation: str = ""
    use_case: str = ""
    text: str = ""
    """In the question or in the answer, in any case."""
    since_us: int = 0
    until_us: int = 0
    limit: int = 20


@dataclass(slots=True)
class Turn:
    """A turn of the log: its question, and how it ended if it did."""

    asked: InferenceRequested
    position: int
    recorded_us: int
    end: InferenceCompleted | InferenceFailed | InferenceCancelled | None = None


async def turns(
    log: EventLog, codec: EventCodec, wanted: Wanted, progress: Callable[[int, int], None]
) -> Sequence[Turn]:
    """Return the newest turns that are wanted, the oldest first."""
    head = (await log.head()).position
    after = await _before(log, wanted.since_us, head)
    found: deque[Turn] = deque(maxlen=wanted.limit)
    open_: dict[str, Turn] = {}
    over = False
    while after < head and not (over and not open_):
        page = await log.read_all(after=after, limit=PAGE, where=Where(types=(ASKED, *ENDS)))
        for recorded in page:
            event = codec.decode(recorded)
            over = bool(wanted.until_us) and recorded.recorded_us >= wanted.until_us
            if isinstance(event, InferenceRequested) and not over and _fits(event, wanted):
                open_[event.inference_id] = Turn(event, recorded.position, recorded.recorded_us)
            elif isinstance(event, InferenceCompleted | InferenceFailed | InferenceCancelled):
                turn = open_.pop(event.inference_id, None)
                if turn and _says(turn, event, wanted.text):
                    turn.end = event
                    found.append(turn)
        after = page[-1].position if len(page) == PAGE else head
        progress(after, head)
    found.extend(turn for turn in open_.values() if _says(turn, None, wanted.text))
    return sorted(found, key=lambda turn: turn.position)


def _fits(event: InferenceRequested, wanted: Wanted) -> bool:
    return all(
        not asked or asked == said
        for asked, said in (
            (wanted.player, event.player),
            (wanted.npc, event.npc),
            (wanted.conversation, event.conversation),
            (wanted.use_case, event.use_case),
        )
    )


def _says(turn: Turn, end: Event | None, text: str) -> bool:
    said = f"{shown(turn.asked.prompt, '')}\n{shown(getattr(end, 'text', ''), '')}"
    return text.casefold() in said.casefold()


async def _before(log: EventLog, since_us: int, head: int) -> int:
    """Return a position before everything recorded since a time: times never decrease along positions."""
    low, high = 0, head
    while since_us and low < high:
        middle = (low + high + 1) // 2
        at = await log.read_all(after=middle - 1, limit=1)
        if at and at[0].recorded_us < since_us:
            low = middle
        else:
            high = middle - 1
    return low


# --- one turn -----------------------------------------------------------------------------------------------


async def story(log: EventLog, codec: EventCodec, inference_id: str) -> Sequence[Fact]:
    """Return what the log says of a turn and of what stood behind it; nothing if it has none such."""
    turn = [(each, codec.decode(each)) for each in await _stream(log, inference_stream(inference_id))]
    asked = next(((at, event) for at, event in turn if isinstance(event, InferenceRequested)), None)
    if asked is None:
        return []
    at, request = asked
    last = turn[-1][0]
    return [
        *(fact for each, event in turn for fact in _of_turn(each, event)),
        *[fact async for fact in _violations(log, codec, inference_id, at, last)],
        *[fact async for fact in _template(log, codec, request, at)],
        *[fact async for fact in _policy(log, codec, request, at)],
        *[fact async for fact in _model(log, codec, request, at)],
    ]


def _of_turn(at: RecordedEvent, event: Event) -> Iterator[Fact]:
    match event:
        case InferenceRequested():
            who = event.player or "a player who is not named"
            yield Fact("asked", f"{who} to {event.npc or 'nobody in particular'}: {event.prompt}", at)
            yield _prompt(event, at)
            drawn = f"seed {event.seed}, temperature {event.temperature:g}, at most {event.max_tokens} tokens"
            yield Fact("drawn with", drawn, at)
            yield Fact("route", event.route_reason, at)
        case InferenceCompleted():
            yield Fact("answered", f"{event.text} ({event.finish_reason})", at)
            where = f"{event.engine or 'no engine'}, tier {event.served_tier or event.tier}: {event.choice}"
            yield Fact("served by", where, at)
            if event.source_inference_id:
                yield Fact("shared", f"the answer is that of turn {event.source_inference_id}", at)
        case InferenceFailed():
            yield Fact("failed", f"{event.code}: {event.message}", at)
        case InferenceCancelled():
            yield Fact("cancelled", f"after: {event.text}", at)
        case InferenceFellBack():
            yield Fact("fell back", f"{event.kind}: {event.reason}", at)
        case InferenceRated():
            yield Fact("rated", f"{event.rating:g} by {event.by} {event.comment}".rstrip(), at)
        case _:
            yield Fact(at.type, "an event that this program does not know", at)
    if isinstance(event, InferenceCompleted | InferenceFailed | InferenceCancelled) and event.guard_us:
        yield Fact("guarded", f"{event.guard_us / 1e3:g} ms, question and answer together", at)


def _prompt(event: InferenceRequested, at: RecordedEvent) -> Fact:
    """Return what the model got, and whether it is still what was hashed; what is gone proves nothing."""
    words = event.rendered_prompt
    if isinstance(words, Erased):
        return Fact("prompt", f"{words} ({event.prompt_hash}, which cannot be made again)", at)
    digest = "sha256:" + hashlib.sha256(words.encode()).hexdigest()
    same = digest == event.prompt_hash
    return Fact("prompt", f"{words} ({_same(digest, same)})", at, same)


async def _violations(
    log: EventLog, codec: EventCodec, inference_id: str, first: RecordedEvent, last: RecordedEvent
) -> AsyncIterator[Fact]:
    """Yield what the guardrails found in the turn."""
    head = (await log.head()).position
    after = await _before(log, first.recorded_us - NEAR_US, head)
    # All types: a search for a rare one would read on to the end of a long log.
    while page := await log.read_all(after=after, limit=PAGE):
        for recorded in page:
            if recorded.recorded_us > last.recorded_us + NEAR_US:
                return
            if recorded.type != ViolationDetected.event_name:
                continue
            event = codec.decode(recorded)
            if isinstance(event, ViolationDetected) and event.inference_id == inference_id:
                said = (
                    f"{event.severity} {event.category} ({event.rule} of {event.policy}) in the {event.side}"
                )
                yield Fact("violation", f"{said}: {event.action}; {_excerpt(event)}", recorded)
        after = page[-1].position


def _excerpt(event: ViolationDetected) -> str:
    """Return what was found, or the way to it."""
    if not isinstance(event.sealed, Erased) and event.sealed:
        return f"sealed: `aicore guardrails reveal {event.violation_id}`"
    return str(event.excerpt) or "no excerpt is kept"


async def _template(
    log: EventLog, codec: EventCodec, request: InferenceRequested, at: RecordedEvent
) -> AsyncIterator[Fact]:
    if not request.template:
        yield Fact("template", "none: the model's own prompt_template", at)
        return
    async for recorded, event in _until(log, codec, template_stream(request.template.partition("@")[0]), at):
        if isinstance(event, TemplateRegistered) and label(event) == request.template:
            digest = template_digest(event)
            same = digest == event.digest == request.template_digest
            yield Fact(
                "template", f"{request.template} by {event.operator} ({_same(digest, same)})", recorded, same
            )


async def _policy(
    log: EventLog, codec: EventCodec, request: InferenceRequested, at: RecordedEvent
) -> AsyncIterator[Fact]:
    """Yield the policy that the question was held to, who activated it, and its publication."""
    held_to = request.policy
    if not held_to:
        yield Fact("policy", "the turn's record names none: there was none, or it is from before", at)
        return
    yield Fact("policy", f"{held_to}, profile {request.policy_profile}, {request.policy_digest}", at)
    published: Fact | None = None
    activated: Fact | None = None
    async for recorded, event in _until(log, codec, POLICIES, at):
        if isinstance(event, PolicyPublished) and event.policy.label == held_to:
            digest = policy_digest(event.policy)
            same = digest == event.digest == request.policy_digest
            said = f"{held_to} by {event.operator}: {event.reason} ({_same(digest, same)})"
            published = Fact("published", said, recorded, same)
        elif isinstance(event, PolicyActivated) and f"{event.name}@{event.version}" == held_to:
            said = f"{held_to}, profile {event.profile}, by {event.operator}: {event.reason}"
            activated = Fact("activated", said, recorded)
    if activated is None:
        yield Fact("activated", "by nobody: the program brought it along", at)
        return
    yield activated
    if published is not None:
        yield published


async def _model(
    log: EventLog, codec: EventCodec, request: InferenceRequested, at: RecordedEvent
) -> AsyncIterator[Fact]:
    """Yield the model's history up to the turn: registration, evaluations, and every word that moved it."""
    async for recorded, event in _until(log, codec, registry_stream(request.use_case), at):
        told = event.model_dump()
        if told.get("model_id") != request.model_id and request.model_id not in told.get("shares", {}):
            continue
        if isinstance(event, ModelRegistered):
            digest = artefacts_digest(event.artefacts)
            same = digest == request.artefacts_digest
            licence = f"licence {event.licence}, " if event.licence else ""
            said = (
                f"{event.name} {event.version}, {licence}{len(event.artefacts)} files ({_same(digest, same)})"
            )
            yield Fact("model", said, recorded, same)
        elif isinstance(event, ModelEvaluated):
            said = f"{event.verdict} on {event.suite}, evaluation {event.evaluation_id}"
            yield Fact("evaluated", said, recorded)
            async for fact in _evaluation(log, codec, event.evaluation_id):
                yield fact
        else:
            said = ", ".join(filter(None, [_word(told), _sent_by(recorded, told.get("operator"))]))
            yield Fact(recorded.type.partition(".")[2], said, recorded)


async def _evaluation(log: EventLog, codec: EventCodec, evaluation_id: str) -> AsyncIterator[Fact]:
    for recorded in await _stream(log, evaluation_stream(evaluation_id)):
        event = codec.decode(recorded)
        if isinstance(event, EvaluationStarted):
            what = f"{event.suite} ({event.suite_digest}), {event.cases} cases"
            yield Fact("  suite", f"{what}, by {event.operator}: {event.reason}", recorded)
        elif isinstance(event, EvaluationFinished):
            reasons = "; ".join(event.reasons)
            yield Fact(
                "  report",
                f"{event.verdict} after {event.pairs} pairs ({event.report_digest}) {reasons}",
                recorded,
            )


def _same(digest: str, same: bool) -> str:
    return f"{digest}, made again from the log: {'the same' if same else 'ANOTHER ONE'}"


def _word(told: Mapping[str, Any]) -> str:
    """Return what was done with a model, by whom and why."""
    percent = {**told.get("shares", {}), **({told["model_id"]: told["share"]} if "share" in told else {})}
    return ", ".join(
        word
        for word in (
            told.get("strategy", ""),
            " ".join(f"{key}={value}" for key, value in told.get("configuration", {}).items()),
            " and ".join(f"{share} % to {model}" for model, share in percent.items()),
            f"passed evaluation {told['evaluation_id']}" if told.get("evaluation_id") else "",
            f"override: {told['override']}" if told.get("override") else "",
            f"by {told['operator']}: {told['reason']}" if told.get("operator") else "",
            *(f"{check['name']}: {check['detail']}" for check in told.get("checks", ())),
        )
        if word
    )


def _sent_by(recorded: RecordedEvent, operator: object) -> str:
    """Return who sent the command, and in which role, as proven; "" if the event says it, or nobody did.

    Earlier versions recorded the operator as the command said it.
    """
    meta = decode_meta(recorded.meta)
    if not meta.actor:
        return ""
    role = f" as {meta.extra[ROLE]}" if ROLE in meta.extra else ""
    return f"sent by {meta.actor}{role}" if role or meta.actor != operator else ""


async def _until(
    log: EventLog, codec: EventCodec, stream: str, at: RecordedEvent
) -> AsyncIterator[tuple[RecordedEvent, Event]]:
    """Yield a stream's events that were recorded before an event."""
    for recorded in await _stream(log, stream):
        if recorded.position < at.position:
            yield recorded, codec.decode(recorded)


async def _stream(log: EventLog, stream: str) -> list[RecordedEvent]:
    """Return all events of a stream."""
    found: list[RecordedEvent] = []
    while page := await log.read_stream(stream, after=len(found), limit=PAGE):
        found += page
    return found
