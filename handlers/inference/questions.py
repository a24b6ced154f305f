"""The stage that asks: from what a caller wants to which model, on which tier, with which words.

The model is the current one of the use case, or the one that the player meets by the split of the traffic.
Its template puts the context together under a budget; what was cut is part of the question's record.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.guardrails.check import WITHHELD
from domain.inference.facts import MICRO_DOLLARS_MAX, PROMPT_CHARACTERS_MAX, SEED_MAX, Ask, Terms
from domain.inference.inference import Inference, same_ask
from domain.inference.messages import Generate, InferenceRequested
from domain.inference.recording import RecordRequest
from domain.kernel.decider import Rejected
from domain.kernel.visibility import Erased, shown
from domain.prompts.assembly import Assembled, assemble, room_for
from domain.registry.configuration import TIERS
from domain.registry.facts import artefacts_digest
from domain.registry.state import Model
from handlers.engines.port import EngineAsk, messages_of
from handlers.guardrails.guard import MASK
from handlers.inference.turn import Turn
from handlers.inference.unknown_names import PERSONA
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import RoutedTurn

PLACEHOLDER = re.compile(r"\{(prompt|npc)\}")
PROMPT_SECTION = "prompt"

Scenes = Callable[[str, str], Mapping[str, str | Sequence[str]]]
"""What the content knows of a character (by id) and the player's words: context by section, or nothing."""


class Questions:
    """Makes questions. ``scenes`` gives the context of characters that the content knows."""

    def __init__(self, registry: RegistryView, router: Router, scenes: Scenes | None = None) -> None:
        self._registry = registry
        self._router = router
        self._scenes = scenes

    async def ask(self, turn: Turn) -> RecordRequest:
        """Return a turn's question as it goes to the model that the caller meets.

        Raises:
            Rejected: ``no_current_model``, ``alias_not_found``, ``use_case_silenced``, ``no_engine``,
                ``template_not_found``, ``unknown_context``, ``prompt_too_long``, or ``invalid_field`` for
                ``max_tokens`` that leave no room for a prompt.
            LogUnavailable: memory does not know the use case, and the log cannot be asked.
        """
        command = turn.question
        who = command.stays or turn.id
        found = await self._registry.version_for(command.use_case, who, command.alias)
        if found is None:
            raise Rejected(
                "no_current_model",
                f"no model serves {command.use_case}",
                field="use_case",
                remedy="register one with registry.register_model, or ask registry.models for the use cases",
            )
        model, why = found
        if self._registry.silenced(command.use_case) and command.authored_line is None:
            raise Rejected(
                "use_case_silenced",
                f"no model of {command.use_case} may speak since the last one was rolled back",
                field="use_case",
                remedy="send the character's authored_line, or promote a model (registry.promote_model)",
            )
        route = _route(model, command, why + self._registry.staleness())
        label = f"{route['model_name']}@{route['model_version']}"
        self.check_served(route["tier"], route["provider"], label)
        asked = command.model_dump(include=set(Ask.model_fields) | set(Terms.model_fields))
        seed = turn.message.id.int & SEED_MAX if command.seed is None else command.seed
        words = await self._words(model, command, route["tier"])
        return RecordRequest.model_validate(
            {**asked, **route, **words, **turn.held_to, "inference_id": turn.id, "seed": seed}
        )

    def routed(self, turn: Turn, request: RecordRequest | InferenceRequested) -> RoutedTurn:
        """Return a turn as the router takes it. A repeat of what a crash left open has a time of its own."""
        words = shown(request.rendered_prompt)  # they are there: `see_whole` refuses others
        return RoutedTurn(
            tier=request.tier,
            # Nobody's: then the character's authored line is said.
            provider="" if self._registry.silenced(request.use_case) else request.provider,
            model=f"{request.model_name}@{request.model_version}",
            ask=EngineAsk(
                prompt=words,
                messages=messages_of(words, ((each.role, each.characters) for each in request.roles)),
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                seed=request.seed,
                adapter=request.adapter,
                pattern=request.pattern,
                priority=request.priority,
            ),
            deadline=turn.deadline,
            prefix=request.npc or "",
            authored=request.authored_line or "",
        )

    def check_served(self, tier: str, provider: str, model: str) -> None:
        """Refuse a tier that is not there, or a model that none of its engines serves."""
        if tier not in self._router.tiers:
            raise Rejected(
                "no_engine",
                f"the tier {tier!r} is not served here",
                field="tier",
                remedy=f"ask for one of {', '.join(self._router.tiers)}, or add it to the engines' file",
            )
        if not self._router.serves(tier, provider, model):
            raise Rejected(
                "no_engine",
                f"no engine of the tier {tier!r} serves the model {model!r} of the provider {provider!r}",
                remedy="promote a model that an engine of the engines' file serves, or add an engine for it",
            )

    async def _words(self, model: Model, command: Generate, tier: str) -> Mapping[str, Any]:
        """Return the rendered prompt and how it came about."""
        wanted = model.configuration.get("template")
        if wanted is None:
            if command.context:
                raise Rejected(
                    "unknown_context",
                    f"{_label(model)} has no template that a context could fill",
                    field="context",
                    remedy="leave it out, or set template in the model's configuration "
                    "(registry.describe_model)",
                )
            return {"rendered_prompt": _filled(model, command)}
        template = await self._registry.template(str(wanted))
        if template is None:
            raise Rejected(
                "template_not_found",
                f"{_label(model)} wants the template {wanted!r}, which is not registered",
                remedy="register it with prompts.register_template",
            )
        facts = model.registered
        count = self._router.counter(tier, facts.provider, f"{facts.name}@{facts.version}")
        sections = {section.name for section in template.sections}
        prompt = {PROMPT_SECTION: command.prompt} if PROMPT_SECTION in sections else {}
        context = {**self._known(command.npc, command.prompt, sections), **command.context, **prompt}
        done: Assembled = assemble(
            template, context, room=room_for(template, command.max_tokens), count=count
        )
        return {
            "rendered_prompt": _short_enough(done.text),
            "template": str(wanted),
            "template_digest": template.digest,
            "cut": [dataclasses.asdict(cut) for cut in done.cut],
            "roles": [{"role": role, "characters": count} for role, count in done.roles],
        }

    def _known(self, npc: str | None, prompt: str, sections: set[str]) -> Mapping[str, str | Sequence[str]]:
        """Return what the content knows of the character, as far as the template has a place for it."""
        if npc is None:
            return {}
        found = self._scenes(npc, prompt) if self._scenes else {}
        found = found or {PERSONA: npc}
        return {name: value for name, value in found.items() if name in sections}

    def has_place(self, request: InferenceRequested) -> bool:
        """Say whether the template of a question has a place for its character, or there is nothing to place.

        A template that memory does not know, and prompts without one, are taken to have it.
        """
        template = self._registry.known_template(request.template) if request.npc else None
        if template is None:
            return True
        sections = {section.name for section in template.sections}
        return PERSONA in sections or bool(self._known(request.npc, shown(request.prompt), sections))


def see_whole(inference: Inference) -> None:
    """Accept a recorded turn that can be answered (again): its words are there.

    Raises:
        Rejected: ``turn_erased``.
    """
    request, text = inference.request, getattr(inference.outcome, "text", "")
    words = (request.prompt, request.context, request.rendered_prompt) if request else ()
    if any(isinstance(each, Erased) for each in (*words, text)):
        raise Rejected(
            "turn_erased",
            "the words of this turn were erased with its player's data",
            remedy="ask anew, with a command id of its own",
        )


def repeats(turn: Turn, request: InferenceRequested) -> bool:
    """Say whether a turn's question is the one that was recorded under its id.

    What was replaced in its words may differ: the policy may be another one than at the first try.
    """
    if same_ask(turn.question, request):
        return True
    prompt, context = shown(request.prompt), shown(request.context)
    redacted = MASK in prompt or WITHHELD in prompt or MASK in str(context)
    words = {"prompt": request.prompt, "context": request.context}
    return bool(turn.findings or redacted) and same_ask(turn.question.model_copy(update=words), request)


def _filled(model: Model, command: Generate) -> str:
    """Return the model's ``prompt_template`` with ``{prompt}`` and ``{npc}`` filled in.

    Without one in the model's configuration it is the prompt alone. One pass, so that a player who writes
    ``{npc}`` gets just that.
    """
    words = {"prompt": command.prompt, "npc": command.npc or ""}
    template = str(model.configuration.get("prompt_template", "{prompt}"))
    return _short_enough(PLACEHOLDER.sub(lambda found: words[found[1]], template))


def _short_enough(rendered: str) -> str:
    if len(rendered) > PROMPT_CHARACTERS_MAX:
        raise Rejected(
            "prompt_too_long",
            f"with the model's template the prompt has {len(rendered)} characters, "
            f"the limit is {PROMPT_CHARACTERS_MAX}",
            field="prompt",
            remedy="shorten the prompt",
        )
    return rendered


def _route(model: Model, command: Generate, why: str) -> dict[str, Any]:
    """Return which model answers, on which tier, and why."""
    facts = model.registered
    moved = model.configuration.get("tier")
    own = moved if moved in TIERS else facts.tier
    tier = command.tier or own
    why_tier = "was asked for" if command.tier else "is the model's own"
    price = model.configuration.get("cost_micro_per_1k_tokens", 0)
    return {
        "tier": tier,
        "route_reason": f"{why}; tier {tier} {why_tier}",
        "model_id": facts.model_id,
        "model_name": facts.name,
        "model_version": facts.version,
        "provider": facts.provider,
        "artefacts_digest": artefacts_digest(facts.artefacts),
        "cost_micro_per_1k_tokens": round(price)
        if isinstance(price, int | float) and 0 <= price <= MICRO_DOLLARS_MAX
        else 0,
    }


def _label(model: Model) -> str:
    return f"{model.registered.name} {model.registered.version}"
