"""What may be asked of a model and what became of it.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.inference.facts import (
    TEXT_CHARACTERS_MAX,
    Ask,
    AskFacts,
    AttemptFact,
    GuardTime,
    HeldTo,
    InferenceId,
    MicroDollars,
    Milliseconds,
    Route,
    Seed,
    Served,
    Terms,
    TokenCount,
    UsageEstimated,
)
from domain.kernel.event import Command, Event
from domain.kernel.roles import OPERATOR, SERVICE, WRITING
from domain.kernel.visibility import Erased, Personal
from domain.kernel.vocabulary import ModelId, Operator, Player, Text, Tier, UseCase
from domain.outcomes import turn

Attempts = Annotated[
    list[AttemptFact],
    Field(max_length=64, description="Every engine that was asked, in order of their ends."),
]
Rating = Annotated[
    float, Field(ge=0, le=1, allow_inf_nan=False, description="How good it was, 0 (useless) to 1 (perfect).")
]
Tags = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]],
    Field(max_length=16, description="What about it, in words that can be counted, e.g. out_of_character."),
]
Words = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]
Comment = Annotated[Text, Field(max_length=2_000, description="Why, for a person; never a player's name.")]

# --- what happened ------------------------------------------------------------------------------------------


class InferenceRequested(AskFacts, Terms, Route, HeldTo, Event, name="inference.requested", version=1):
    """A model was asked; exactly one of completed, failed and cancelled follows on this stream."""

    inference_id: InferenceId
    seed: Seed
    rendered_prompt: Annotated[str | Erased, Personal(of="player")] = Field(
        description="The words that the model got: its template filled with the prompt."
    )
    prompt_hash: str = Field(
        pattern=r"^sha256:[0-9a-f]{64}$", description="SHA-256 of the rendered prompt in UTF-8."
    )

    @property
    def who(self) -> str:
        """Return who stays with one version of a model; see `Ask.stays`."""
        return self.stays or self.inference_id

    example: ClassVar = {
        "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "use_case": "npc_dialogue",
        "prompt": "Who keeps the lamp tonight?",
        "max_tokens": 48,
        "temperature": 0.7,
        "seed": 7,
        "npc": "lamp-keeper",
        "player": None,
        "consent": True,
        "conversation": "harbour-7",
        "context": {"place": "the quay", "lore": ["the lamp has burned for ninety years"]},
        "alias": None,
        "adapter": None,
        "pattern": None,
        "authored_line": "Not now.",
        "max_age_s": 0,
        "deadline_ms": 2_000,
        "priority": 0,
        "tier": "gold",
        "route_reason": "current model of npc_dialogue; tier gold is the model's own",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "model_name": "lamplight",
        "model_version": "0.1.0",
        "provider": "embedded",
        "artefacts_digest": "sha256:" + "5e" * 32,
        "cost_micro_per_1k_tokens": 0,
        "template": "lamplight-line@1",
        "template_digest": "sha256:" + "7a" * 32,
        "cut": [{"section": "history", "items": 2, "tokens": 31}],
        "roles": [{"role": "user", "characters": 27}],
        "policy": "default@1",
        "policy_profile": "MatureFullExperience",
        "policy_digest": "sha256:" + "9c" * 32,
        "rendered_prompt": "Who keeps the lamp tonight?",
        "prompt_hash": "sha256:e712ac4e5e863d8052001828657cb3d32df7e093e1ce6f48281c47fdff9937b4",
    }


class InferenceCompleted(Served, Event, name="inference.completed", version=1):
    """A model answered. Use case, model and tier are repeated, so that a reader needs no second event."""

    inference_id: InferenceId
    use_case: UseCase
    model_id: ModelId
    tier: Tier
    text: Annotated[Words | Erased, Personal(of="player")] = Field(description="The answer; never empty.")
    finish_reason: str = Field(
        max_length=64,
        description="Why it ended: stop (the model was done), length (max_tokens was reached), cut (after "
        "some tokens all engines failed or the deadline passed), filtered (the provider's own filter stopped "
        "it; the text is what was given by then, or the line given for that), authored (none could speak in "
        "time; the text is the line given for that) or blocked (the guardrails ended it with the character's "
        "own line).",
    )
    prompt_tokens: TokenCount = Field(description="Tokens of the rendered prompt.")
    completion_tokens: TokenCount = Field(
        description="Tokens that were generated for the answer, also those that nobody sees, such as a "
        "model's reasoning."
    )
    usage_estimated: UsageEstimated = False
    ttft_ms: Milliseconds = Field(description="Time to the first token, measured at the engine's door.")
    latency_ms: Milliseconds = Field(description="Time to the last token, measured at the engine's door.")
    cost_micro: MicroDollars = Field(description="Cost of all tokens, rounded up.")
    source_inference_id: InferenceId | None = Field(
        None,
        description="The inference whose answer was given again, or waited for in vain; null: a model was "
        "asked for this one.",
    )
    guard_us: GuardTime = 0
    player: Player = None

    example: ClassVar = {
        "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "tier": "gold",
        "text": "Old Wen does, and he never lets it smoke.",
        "finish_reason": "stop",
        "prompt_tokens": 7,
        "completion_tokens": 11,
        "usage_estimated": False,
        "ttft_ms": 2.1,
        "latency_ms": 9.6,
        "cost_micro": 0,
        "engine": "embedded",
        "served_tier": "gold",
        "choice": "embedded has the most room",
        "candidates": [
            {"name": "embedded", "ttft_ms": 2.4, "token_ms": 0.8, "headroom": 0.94, "ruled_out": ""}
        ],
        "source_inference_id": None,
        "guard_us": 640,
        "attempts": [
            {"engine": "embedded", "tier": "gold", "fault": "", "tokens": 11, "ttft_ms": 2.1, "ms": 9.5}
        ],
        "player": None,
    }

    @property
    def counts_as(self) -> turn.Counts | None:
        """What it counts as for its model; None: it says nothing of it."""
        own_tier = self.served_tier in (None, self.tier)
        return turn.of_answer(
            self.finish_reason,
            engine=self.engine,
            own_tier=own_tier,
            source_inference_id=self.source_inference_id,
        )


class InferenceFellBack(Event, name="inference.fell_back", version=1):
    """A turn was not served as it was meant to be; its completion follows."""

    inference_id: InferenceId
    use_case: UseCase
    model_id: ModelId
    tier: Tier
    kind: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="engine (another engine of the tier took over), tier (a lower tier served), authored "
        "(the character's line was given), cut (after some tokens all engines failed or the deadline "
        "passed), filtered (the provider's own filter stopped it) or blocked (the guardrails ended it). More "
        "may come.",
    )
    served_tier: Tier | None = Field(None, description="The tier that served; null: none did.")
    engine: str = Field("", max_length=128, description="The engine that served in the end; empty: none did.")
    reason: str = Field(max_length=2_000, description="The engines that were left, each with its fault.")

    example: ClassVar = {
        "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "tier": "gold",
        "kind": "tier",
        "served_tier": "bronze",
        "engine": "embedded",
        "reason": "vllm: engine_timeout after 12 tokens",
    }


class InferenceFailed(Event, name="inference.failed", version=1):
    """No usable answer came. An empty answer is a failure, too."""

    inference_id: InferenceId
    use_case: UseCase
    model_id: ModelId
    tier: Tier
    code: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="engine_failed, engine_unreachable, engine_timeout, engine_overloaded, "
        "engine_nonsense, engine_denied (it refuses our key) or engine_misconfigured (it refuses what its "
        "settings send): an engine's fault; prompt_too_long, unknown_adapter, unsupported or "
        "invalid_request: the request's own; content_filtered: the provider's own filter refused the words; "
        "deadline_exceeded: the caller's time was over; empty_output: it answered nothing. More may come.",
    )
    message: str = Field(max_length=2_000, description="What happened, for an operator.")
    latency_ms: Milliseconds = Field(description="Time until the failure was known.")
    attempts: Attempts = Field(default_factory=list)
    guard_us: GuardTime = 0

    example: ClassVar = {
        "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "tier": "gold",
        "code": "engine_timeout",
        "message": "no answer from the embedded engine within 30 s",
        "latency_ms": 30_000.0,
        "guard_us": 120,
        "attempts": [
            {
                "engine": "embedded",
                "tier": "gold",
                "fault": "engine_timeout",
                "tokens": 0,
                "ttft_ms": None,
                "ms": 30_000.0,
            }
        ],
    }

    @property
    def counts_as(self) -> turn.Counts | None:
        """What it counts as for its model; None: it was the caller's own fault."""
        return turn.of_failure(self.code)


class InferenceCancelled(Event, name="inference.cancelled", version=1):
    """The caller wanted no more of it; the engine was told to stop."""

    inference_id: InferenceId
    use_case: UseCase
    model_id: ModelId
    tier: Tier
    text: Annotated[Words | Erased, Personal(of="player")] = Field(description="What had been given by then.")
    completion_tokens: TokenCount = Field(description="Tokens of it.")
    latency_ms: Milliseconds = Field(description="Time until the cancellation.")
    attempts: Attempts = Field(default_factory=list)
    guard_us: GuardTime = 0
    player: Player = None

    example: ClassVar = {
        "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "tier": "gold",
        "text": "Old Wen does,",
        "completion_tokens": 4,
        "latency_ms": 6.2,
        "guard_us": 120,
        "attempts": [
            {
                "engine": "embedded",
                "tier": "gold",
                "fault": "cancelled",
                "tokens": 4,
                "ttft_ms": 2.0,
                "ms": 6.1,
            }
        ],
        "player": None,
    }


class InferenceRated(Event, name="inference.rated", version=1):
    """Somebody said how good an answer was; the newest word counts."""

    inference_id: InferenceId
    use_case: UseCase
    model_id: ModelId
    rating: Rating
    tags: Tags
    comment: Annotated[Comment | Erased, Personal(of="player")]
    by: Operator
    player: Player = None

    example: ClassVar = {
        "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "rating": 0.8,
        "tags": ["in_voice"],
        "comment": "He would say just that.",
        "by": "mira",
        "player": None,
    }


class InferenceRefused(Event, name="inference.refused", version=1):
    """A request was turned away before a model was asked. It may come again, so this ends nothing."""

    inference_id: InferenceId
    code: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="The code that the caller got: invalid_field, no_current_model, no_engine, "
        "prompt_too_long, overloaded, over_allowance and others.",
    )
    message: str = Field(max_length=2_000, description="What the caller was told.")
    field: str = Field("", max_length=256, description="The request's field at fault, if one is.")
    use_case: str = Field("", max_length=63, description="As asked for; empty if that was no use case.")
    by: str = Field("", max_length=256, description="Who asked, as the connection or the key proves it.")
    unrecorded: int = Field(
        0, ge=0, description="Refusals since the last recorded one that were too many to be recorded."
    )
    model_id: ModelId | None = Field(None, description="The model that was to answer; null: not known yet.")
    who: str = Field("", max_length=128, description="Who stays with one model; empty if nobody was named.")

    example: ClassVar = {
        "inference_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c4",
        "code": "prompt_too_long",
        "message": "the prompt has 3100 tokens without all that may be cut; there is room for 2000",
        "field": "prompt",
        "use_case": "npc_dialogue",
        "by": "game:dialogue",
        "unrecorded": 0,
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "who": "harbour-7",
    }

    @property
    def counts_as(self) -> turn.Counts | None:
        """What it counts as for the model that was to answer; None: it was not at fault."""
        return turn.of_refusal(self.code)


InferenceOutcome = InferenceCompleted | InferenceFailed | InferenceCancelled
InferenceEvent = InferenceRequested | InferenceFellBack | InferenceOutcome | InferenceRated

# --- what may be asked --------------------------------------------------------------------------------------


class Generate(Ask, Terms, Command, name="inference.generate", may=(SERVICE, *WRITING)):
    """Ask the current model of a use case for text, and record question and answer.

    The result: ``text``; ``finish_reason`` (stop, length, cut, filtered, authored or blocked, as
    inference.completed says, or cancelled); ``inference_id``; ``model`` (``id``, ``name``, ``version``);
    ``tier``; ``usage`` (``prompt_tokens``, ``completion_tokens``, ``cost_micro``, ``estimated``: the engine
    told no counts); ``ttft_ms``; ``latency_ms``; ``served``
    (``engine``, ``tier``, ``choice``, ``attempts``: how many engines were asked, ``repeats``: the inference
    whose answer it is, or nil); ``template``; ``cut`` (maps: ``section``, ``items``, ``tokens``);
    ``event_id`` and ``recorded``; ``warnings`` (maps: ``code``, ``field``, ``message``) of names that nothing
    here knows, though the answer does not depend on them: ``unknown_npc`` if neither the content has the
    character nor the context an ``npc``; ``npc_without_place`` if the template has no section for what is
    known of a character. A cancelled one has only text, finish_reason, inference_id,
    latency_ms, event_id, recorded and warnings.

    Refused, until something is changed, with ``no_current_model``, ``use_case_silenced``,
    ``alias_not_found``, ``template_not_found``, ``no_engine``, ``unknown_context``, ``prompt_too_long``,
    ``question_too_long`` or ``turn_erased`` (a repeat of what is erased by now); for ``retry_after_ms`` with
    ``overloaded`` (no engine has room), ``engines_away`` (none can be asked) or ``over_allowance`` (of this
    player or service). ``inference_failed`` is recorded,
    so it takes a new id: no engine answered, and there was no authored_line. What breaks the guardrails is
    no refusal: it is answered, with finish_reason blocked.
    """

    shows: ClassVar = {"text": Personal(of="inference_id")}

    tier: Tier | None = Field(None, description="Service level wanted; null: the model's own.")
    seed: Seed | None = Field(
        None, description="Seed of the random draws; null: derived from the command id."
    )
    stream_to: str | None = Field(
        None,
        pattern=r"^(_INBOX|[a-z][a-z0-9_]{0,30}\.live)(\.[A-Za-z0-9_-]+){1,8}$",
        max_length=200,
        description="Subject that gets the answer piece by piece, an inbox or below {realm}.live: numbered "
        "token messages (protocol/SPEC.md). The reply comes as ever, after the last of them.",
    )

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "prompt": "Who keeps the lamp tonight?",
        "max_tokens": 48,
        "temperature": 0.7,
        "seed": 7,
        "npc": "lamp-keeper",
    }


class RateInference(Command, name="inference.rate", may=(SERVICE, OPERATOR)):
    """Say how good an answer was: a player's thumb, a designer's or a scorer's verdict.

    Refused with ``inference_not_found`` if it has no answer (its record may still be on its way: ask again).
    """

    inference_id: InferenceId
    rating: Rating
    tags: Tags = Field(default_factory=list)
    comment: Annotated[Comment, Personal(of="inference_id")] = ""
    by: Operator

    example: ClassVar = {
        k: InferenceRated.example[k] for k in ("inference_id", "rating", "tags", "comment", "by")
    }
