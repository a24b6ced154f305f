"""Holds what players say and what models answer to the realm's policy, before anybody sees it.

The active policy is kept in memory from the log; until one was activated the program's own holds. A question
that may not be asked, and an answer that breaks off on a violation, end with the character's own line. Each
violation is an event.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from domain.guardrails.check import Verdict, check, outermost
from domain.guardrails.compiled import Compiled
from domain.guardrails.messages import (
    EXCERPT_MAX,
    ActivatePolicy,
    PublishPolicy,
    RevealViolation,
    ReviewViolation,
    ViolationDetected,
)
from domain.guardrails.normalise import plain
from domain.guardrails.policies import POLICIES, STREAM, Policies
from domain.guardrails.scan import Finding
from domain.guardrails.stream import StreamGuard, cuts_of, shown
from domain.guardrails.violations import VIOLATION, Violation, place_of, stream_of, violation_id_of
from domain.inference.messages import Generate, InferenceRequested
from domain.kernel.decider import Rejected
from domain.kernel.visibility import Erased
from handlers.guardrails.active import ActivePolicy
from handlers.guardrails.classifier import TEXT_MAX, Classifier, sentence_end
from handlers.kernel.commands import Binding
from protocol.messages import CommandMessage, Reply

logger = structlog.get_logger(__name__)

MASK = "—"
"""Stands for personal data, unless the rule says otherwise."""

BREAK = "— "
"""Stands between what was said and the line that ends it."""

LONG = 1_000
"""Characters of a question and its context from which on they are checked in a thread: hostile ones take up
to 40 µs each, after some 2,000 of them 8 (`domain.guardrails.scan.FEW`)."""

RECORDED_MAX = 16
"""Violations that are recorded of one text on one side."""

PERSONAL_HINT = re.compile(
    r"@|(?:\d[^a-z0-9]{0,3}){6}|\d+\.\d+\.\d+|\bat\b.{1,60}\bdot\b|(?:[0-9a-f]{0,4}:){3}"
)
"""Signs of any form of personal data in the plain folding: a cheap look before the thorough one."""

Lore = Callable[[str, str], tuple[str, str] | None]
SealWords = Callable[[str, str, str], str]
"""Encrypts words, given the inference's id and the place: the same ones give the same text each time."""

REVEALED = frozenset({"violation_id", "inference_id", "side", "start", "end", "sealed"})

POLICY_BINDING: Binding[Any, Any, Policies] = Binding(
    commands=(PublishPolicy, ActivatePolicy),
    stream_of=lambda _: STREAM,
    decider=POLICIES,
    answer=lambda _, state: {
        "published": sorted(state.published),
        "active": list(state.active) if state.active else None,
    },
    beside=True,
)

VIOLATION_BINDING: Binding[Any, Any, Violation] = Binding(
    commands=(ReviewViolation, RevealViolation),
    stream_of=lambda command: stream_of(command.violation_id),
    decider=VIOLATION,
    answer=lambda command, state: (
        state.detected.model_dump(include=set(REVEALED))
        if isinstance(command, RevealViolation) and state.detected
        else {
            "violation_id": command.violation_id,
            "verdict": state.reviewed.verdict if state.reviewed else None,
        }
    ),
)


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The guard of one process.

    Args:
        active: the policy in force.
        line: says a character's own line for a subject that is closed, by the character's id or None.
        on_violation: takes each violation and the message whose turn it was found in, to be recorded.
        lore: says what a text contradicts, given its prompt: the truth and what it says instead.
        classifier: a model's second opinion, if there is one.
        seal: encrypts the words of personal data; without it they are not kept.
    """

    active: ActivePolicy
    line: Callable[[str | None], str]
    on_violation: Callable[[ViolationDetected, CommandMessage], None]
    lore: Lore | None = None
    classifier: Classifier | None = None
    seal: SealWords | None = None

    def limited(self, prompt: str) -> None:
        """See that a question can be judged whole.

        Raises:
            Rejected: ``question_too_long``: it costs a classifier too much.
        """
        if self.classifier and len(prompt) > TEXT_MAX:
            raise Rejected(
                "question_too_long",
                f"the question has {len(prompt)} characters; with a classifier the limit is {TEXT_MAX}",
                field="prompt",
                remedy="shorten the prompt",
            )

    def timed(self, clock: Callable[[], float]) -> "CheckTime":
        """Return what measures the checks of one turn; ``clock`` counts seconds."""
        return CheckTime(clock)

    def held_to(self) -> Mapping[str, str]:
        """Return the policy in force as a question's record names it; see `HeldTo`."""
        compiled = self.active.compiled
        return {
            "policy": compiled.policy.label,
            "policy_profile": compiled.profile,
            "policy_digest": compiled.digest,
        }

    async def classify_question(self, prompt: str) -> Sequence[Finding]:
        """Return what a model finds in a question; nothing without a classifier."""
        found = await self.classifier.judge(prompt, "input") if self.classifier else None
        return [found] if found else []

    def contradiction(self, request: InferenceRequested, text: str) -> "list[Found]":
        """Return what a finished answer says against what is true in the world; it is told, not stopped."""
        asked = request.rendered_prompt
        found = self.lore(text, asked) if self.lore and not isinstance(asked, Erased) else None
        if found is None:
            return []
        finding = Finding("lore", "contradiction", "medium", "log", 0, len(text), "")
        return [Found(finding, "output", f"{found[1]} (true is: {found[0]})")]

    async def question(self, command: Generate) -> tuple[Generate, Sequence[Finding]]:
        """Return a question as it may be asked, and what was found in it.

        Personal data are replaced in it and its context before anything is recorded or sent to a model, and
        letters that nobody sees (Unicode's tags) are left out: rules read what a person reads. The same
        question gives the same result while the policy stays, so a retry is recognised.
        """
        compiled = self.active.compiled
        context_length = sum(
            len(value) if isinstance(value, str) else sum(map(len, value))
            for value in command.context.values()
        )
        if len(command.prompt) + context_length > LONG:  # on the loop it would hold up every other player
            verdict, context = await asyncio.to_thread(_checked, compiled, command)
        else:
            verdict, context = _checked(compiled, command)
        prompt = verdict.question
        if prompt == command.prompt and context == command.context:
            return command, verdict.findings
        return command.model_copy(update={"prompt": prompt, "context": context}), verdict.findings

    def fits(self, text: str) -> bool:
        """Say whether a line that was given before may be given now."""
        return check(self.active.compiled, text).harmless

    def answer(self, before: str = "") -> "Guarded":
        """Return a guard for one answer, of which ``before`` was given already."""
        compiled = self.active.compiled
        guarded = Guarded(StreamGuard(compiled), compiled.policy.label, self.classifier)
        if before:
            guarded.prime(before)
        return guarded

    def closing(self, request: InferenceRequested, said: str) -> str:
        """Return what a character says when a subject is closed, after what was ``said``."""
        line = request.authored_line or self.line(request.npc)
        if not said.strip():
            return line
        return f"{BREAK}{line}" if said[-1].isspace() else f" {BREAK}{line}"

    def record(self, message: CommandMessage, request: InferenceRequested, found: "Found") -> None:
        """Record a violation; a critical one is told to the operators at once."""
        finding = found.finding
        personal = finding.category == "personal_data"
        words = _printable(found.text)[:EXCERPT_MAX]
        facts: dict[str, str | int] = {
            "inference_id": request.inference_id,
            "use_case": request.use_case,
            "model_id": request.model_id,
            "policy": found.policy or self.active.compiled.policy.label,
            "rule": finding.rule,
            "category": finding.category,
            "severity": finding.severity,
            "action": finding.action,
            "side": found.side,
            "start": finding.start,
            "end": finding.end,
            "excerpt": "" if personal else words,
        }
        if personal and self.seal:
            place = place_of(side=found.side, start=finding.start, end=finding.end)
            facts["sealed"] = self.seal(words, request.inference_id, place)
        id_ = violation_id_of(command_id=message.id, facts=facts)
        whole = {"violation_id": id_, **facts, "player": request.player}
        self.on_violation(ViolationDetected.model_validate(whole), message)
        if finding.severity == "critical":
            logger.error(
                "critical_violation", inference=request.inference_id, rule=finding.rule, side=found.side
            )


@dataclass(frozen=True, slots=True)
class Found:
    """A finding and where it was made."""

    finding: Finding
    side: Any
    """input or output."""
    text: str = field(default="", repr=False)
    """Its words, personal data in the clear: they are recorded sealed or not at all."""
    policy: str = ""
    """Label of the policy that it broke; empty: the one in force."""


@dataclass(slots=True)
class CheckTime:
    """How long the checks of one turn take; ``with`` it around each. ``clock`` counts seconds."""

    clock: Callable[[], float]
    _took_s: float = 0.0
    _since: float = 0.0

    def __enter__(self) -> None:
        self._since = self.clock()

    def __exit__(self, *_: object) -> None:
        self._took_s += self.clock() - self._since

    @property
    def us(self) -> int:
        """Return what all of them took by now, µs."""
        return round(self._took_s * 1e6)


@dataclass(slots=True)
class Guarded:
    """One answer on its way out."""

    guard: StreamGuard
    policy: str
    classifier: Classifier | None = None
    _judged: str = ""
    """Released text, for the classifier."""
    _waiting: str = ""
    """Text that passed the rules and awaits the classifier."""
    _unsafe: Finding | None = None
    _raw: list[str] = field(default_factory=list)

    def prime(self, before: str) -> None:
        """Read what was given already, so that a span that began there is found."""
        self._raw.append(before)
        self._judged = before
        self.guard.prime(before)

    def feed(self, piece: str) -> str:
        """Return what may be given now."""
        self._raw.append(piece)
        return self.guard.feed(piece)

    def finish(self) -> str:
        """Return what is left to give."""
        return self.guard.finish()

    async def release(self, text: str, *, end: bool = False) -> str:
        """Return what may be given of a text that the rules let through: whole sentences, judged.

        Without a classifier it is all of it at once.
        """
        if self.classifier is None:
            return text
        self._waiting += text
        cut = len(self._waiting) if end else sentence_end(self._waiting)
        if not self._waiting[:cut].strip() or self.blocked:
            return ""
        before = len(self._judged)
        for at in range(0, cut, TEXT_MAX):  # an engine may give a long answer in one piece
            ready = self._waiting[at : min(at + TEXT_MAX, cut)]
            known = len(self._judged)
            self._unsafe = await self.classifier.judge(self._judged + ready, "output", known=known)
            if self._unsafe is not None:
                break
            self._judged += ready
        self._waiting = self._waiting[cut:]
        return self._judged[before:]

    @property
    def blocked(self) -> bool:
        """Whether the answer must end here."""
        return self.guard.blocked is not None or self._unsafe is not None

    def found(self) -> list[Found]:
        """Return what was found, each with its words."""
        findings = [*outermost(self.guard.findings), *([self._unsafe] if self._unsafe else [])]
        words = _words_of("".join(self._raw), findings)
        return [Found(finding, "output", words(finding), self.policy) for finding in _few(findings)]


class Redacting:
    """Runs commands that hold players' words, without the personal data in them."""

    def __init__(self, run: Callable[[CommandMessage], Awaitable[Reply]], active: ActivePolicy) -> None:
        """Prepare; ``run`` is what runs them."""
        self._run = run
        self._active = active

    async def __call__(self, message: CommandMessage) -> Reply:
        """Run a command; raises as what runs it does."""
        payload = await asyncio.to_thread(_redacted, self._active.compiled, message.payload)
        return await self._run(replace(message, payload=payload))


def _redacted(compiled: Compiled, value: Any) -> Any:
    match value:
        case str():
            return redacted(compiled, value)
        case dict():
            return {key: _redacted(compiled, each) for key, each in value.items()}
        case list() | tuple():
            return [_redacted(compiled, each) for each in value]
        case _:
            return value


def _checked(compiled: Compiled, command: Generate) -> tuple[Verdict, Mapping[str, str | list[str]]]:
    """Return what a policy says to a question, and its context without personal data."""
    verdict = check(compiled, command.prompt, side="input")
    context: dict[str, str | list[str]] = {
        name: redacted(compiled, value)
        if isinstance(value, str)
        else [redacted(compiled, each) for each in value]
        for name, value in command.context.items()
    }
    return verdict, context


def found_in(command: Generate, findings: Sequence[Finding]) -> list[Found]:
    """Return what was found in a question, with the words as the player wrote them."""
    words = _words_of(command.prompt, findings)
    return [Found(finding, "input", words(finding)) for finding in _few(findings)]


def _few(findings: Sequence[Finding]) -> list[Finding]:
    """Return at most `RECORDED_MAX` findings, first one of each rule: one text must not fill the log."""
    first = {finding.rule: finding for finding in reversed(findings)}
    more = [finding for finding in findings if first[finding.rule] is not finding]
    return [*first.values(), *more][:RECORDED_MAX]


def redacted(compiled: Compiled, text: str) -> str:
    """Return a text with its personal data replaced; whatever else it says stays."""
    if not compiled.sides["input"].redacts_more and not PERSONAL_HINT.search(plain(text)):
        return shown(text, 0, len(text), ())
    personal = [found for found in check(compiled, text, side="input").findings if found.action == "redact"]
    return shown(text, 0, len(text), cuts_of(personal))


def _words_of(text: str, findings: Sequence[Finding]) -> Callable[[Finding], str]:
    """Return what says a finding's words; of personal data, which others may lie across, only their own."""
    letters = list(text)
    for finding in findings:
        if finding.category == "personal_data":
            letters[finding.start : finding.end] = "•" * (finding.end - finding.start)
    public = "".join(letters)

    def words(finding: Finding) -> str:
        return (text if finding.category == "personal_data" else public)[finding.start : finding.end]

    return words


def stops(findings: Sequence[Finding]) -> bool:
    """Say whether a question must not be asked."""
    return any(finding.action in {"replace", "block", "escalate"} for finding in findings)


def _printable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
