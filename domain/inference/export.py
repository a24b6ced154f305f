"""Which recorded inferences become training data, and what a row of it is. Pure: facts in, rows out.

Consent comes first: a request that was made without the player's leave is left out, whatever the filters say,
unless the one who exports gives a reason, which the manifest then carries. Ids of players are never exported.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from domain.inference.messages import InferenceCompleted, InferenceFailed, InferenceRequested
from domain.kernel.event import Event
from domain.kernel.visibility import Erased, shown

FORMAT_VERSION = 1
"""Of rows and manifest; a change of meaning is a new one."""

Verdict = Literal["no_consent", "filtered", "failed", "unanswered", "erased", "unknown", "selected"]
"""Fate of a request.

erased: its words or its answer's are gone, so that there is nothing to learn from; unknown: an event of a
version that is newer than this program.
"""

Value = str | int | float | bool | None
Row = Mapping[str, Value]


class Fact(NamedTuple):
    """An event with its place in the log."""

    event: Event
    position: int
    recorded_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which requests are wanted; an empty field does not restrict. Times are of the request's recording."""

    use_case: str = ""
    model: str = ""
    """The model's name, or name@version."""
    tier: str = ""
    npc: str = ""
    since_us: int = 0
    """µs since 1970, inclusive."""
    until_us: int = 0
    """µs since 1970, exclusive; 0: no end."""
    rating_min: float | None = None
    """Least rating; a record without one is not wanted then."""
    without_consent_reason: str = ""
    """Why consent is not asked for; "": it is."""


@dataclass(slots=True)
class Export:
    """An export in progress: feed it facts in the order of the log, and take the rows it gives.

    Args:
        selection: what is wanted.
        ratings: the latest rating of each inference that has one, by inference id.
    """

    selection: Selection
    ratings: Mapping[str, float] = field(default_factory=dict)
    counts: Counter[Verdict] = field(default_factory=Counter)
    """What became of the requests so far; those still without an answer are not in it."""
    models: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Rows by the model's name, version, id, and digest of its files."""
    positions: tuple[int, int] = (0, 0)
    """First and last position of the events that rows were made of; 0 without any."""
    _open: dict[str, Fact] = field(default_factory=dict)

    def rows(self, facts: Iterable[Fact]) -> Iterator[Row]:
        """Yield the rows that the facts complete: a wanted request with its answer."""
        for fact in facts:
            match fact.event:
                case InferenceRequested() as request:
                    self._ask(request, fact)
                case InferenceCompleted() as answer:
                    asked = self._open.pop(answer.inference_id, None)
                    if asked is not None and isinstance(answer.text, Erased):
                        self.counts["erased"] += 1
                    elif asked is not None:
                        yield self._row(asked, fact, answer)
                case InferenceFailed() as failure:
                    if self._open.pop(failure.inference_id, None) is not None:
                        self.counts["failed"] += 1
                case _:
                    self.counts["unknown"] += 1

    def end(self) -> None:
        """Count the wanted requests that have no answer within the range."""
        self.counts["unanswered"] += len(self._open)
        self._open.clear()

    def _ask(self, request: InferenceRequested, fact: Fact) -> None:
        if not request.consent and not self.selection.without_consent_reason:
            self.counts["no_consent"] += 1
        elif not self._wanted(request, fact.recorded_us):
            self.counts["filtered"] += 1
        elif isinstance(request.prompt, Erased) or isinstance(request.rendered_prompt, Erased):
            self.counts["erased"] += 1
        else:
            self._open[request.inference_id] = fact

    def _wanted(self, request: InferenceRequested, recorded_us: int) -> bool:
        wants = self.selection
        rating = self.ratings.get(request.inference_id)
        return (
            wants.use_case in ("", request.use_case)
            and wants.model in ("", *_names_of(request))
            and wants.tier in ("", request.tier)
            and wants.npc in ("", request.npc)
            and wants.since_us <= recorded_us
            and (not wants.until_us or recorded_us < wants.until_us)
            and (wants.rating_min is None or (rating is not None and rating >= wants.rating_min))
        )

    def _row(self, asked: Fact, answered: Fact, answer: InferenceCompleted) -> Row:
        request = asked.event
        assert isinstance(request, InferenceRequested)
        self.counts["selected"] += 1
        first, last = self.positions
        self.positions = (min(first or asked.position, asked.position), max(last, answered.position))
        model = (request.model_name, request.model_version, request.model_id, request.artefacts_digest)
        self.models[model] += 1
        return row_of(asked, request, answered.position, answer, self.ratings.get(request.inference_id))


def _names_of(request: InferenceRequested) -> tuple[str, ...]:
    """Return what a model may be called; name:version is how exports of earlier releases called it."""
    name, version = request.model_name, request.model_version
    return name, f"{name}@{version}", f"{name}:{version}"


def row_of(
    asked: Fact,
    request: InferenceRequested,
    answer_position: int,
    answer: InferenceCompleted,
    rating: float | None,
) -> Row:
    """Return one row: what the model got and gave, how it was asked, and where that is in the log."""
    return {
        "inference_id": request.inference_id,
        "use_case": request.use_case,
        "tier": request.tier,
        "npc": request.npc,
        "prompt": shown(request.prompt),
        "rendered_prompt": shown(request.rendered_prompt),
        "completion": shown(answer.text),
        "finish_reason": answer.finish_reason,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "latency_ms": answer.latency_ms,
        "model_name": request.model_name,
        "model_version": request.model_version,
        "model_id": request.model_id,
        "engine": answer.engine,
        "served_tier": answer.served_tier or request.tier,
        "source_inference_id": answer.source_inference_id,
        "rating": rating,
        "consent": request.consent,
        "request_position": asked.position,
        "answer_position": answer_position,
        "requested_us": asked.recorded_us,
    }


COLUMNS: Mapping[str, type] = {
    "inference_id": str,
    "use_case": str,
    "tier": str,
    "npc": str,
    "prompt": str,
    "rendered_prompt": str,
    "completion": str,
    "finish_reason": str,
    "max_tokens": int,
    "temperature": float,
    "seed": int,
    "prompt_tokens": int,
    "completion_tokens": int,
    "latency_ms": float,
    "model_name": str,
    "model_version": str,
    "model_id": str,
    "engine": str,
    "served_tier": str,
    "source_inference_id": str,
    "rating": float,
    "consent": bool,
    "request_position": int,
    "answer_position": int,
    "requested_us": int,
}
"""The columns of a row and their types, in order; npc, source_inference_id and rating may be null.

The model is the one that the player met; where another tier served, or no engine (an authored line), the
words are not its own, and an answer with a source is that one's once more.
"""
