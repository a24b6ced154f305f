"""Which model serves a use case now, and the prompt templates: in memory, kept up to date by the log."""

from collections.abc import Mapping
from typing import Any

from bus.ports import EventLog, RecordedEvent
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.prompts.messages import TemplateRegistered
from domain.prompts.queries import TemplatesQuery
from domain.prompts.template import TEMPLATE, label
from domain.prompts.template import stream_of as template_stream
from domain.registry.look_ups import current_model, find_alias, model_met, status_of
from domain.registry.queries import CurrentQuery
from domain.registry.state import Model, UseCaseModels
from domain.registry.use_case import USE_CASE, stream_of
from domain.registry.use_cases import USE_CASE_TYPES, UseCases
from handlers.kernel.follow import Decode, MemoryView
from handlers.kernel.look_up import LookUp

STREAM_EVENTS_MAX = 10_000
"""Events of one use case read at a miss; a registry stream has tens."""


class RegistryView(MemoryView):
    """The registry's state in memory. Run `run` in a task; a look-up is one dictionary access."""

    name = "models"
    types = (*USE_CASE_TYPES, TemplateRegistered.event_name)
    pause_s = 0.02  # each turn waits for what it says

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self._look_up = LookUp()
        self._use_cases = UseCases()
        self._current: dict[str, Model] = {}
        self._templates: dict[str, TemplateRegistered] = {}

    def staleness(self) -> str:
        """Return a remark for the record when the log is away and memory may be behind; "" when not."""
        return "" if self._log.reachable else f", as of position {self.position} because the log is away"

    def current(self, use_case: str) -> Model | None:
        """Return the model that serves ``use_case`` as of `position`, or None if it has none."""
        return self._current.get(use_case)

    def silenced(self, use_case: str) -> bool:
        """Say whether no model of a use case may speak; see `UseCaseSilenced`."""
        known = self._use_cases.get(use_case)
        return known is not None and known.silenced

    def met(self, use_case: str, key: str) -> str | None:
        """Return the id of the model that ``key`` meets as far as memory knows; None if it knows none."""
        models = self._use_cases.get(use_case)
        return model_met(use_case, key, models) if models is not None and models.current else None

    def models(self, use_case: str) -> UseCaseModels:
        """Return all that is known of a use case here."""
        return self._use_cases.get(use_case, USE_CASE.initial)

    def use_cases(self) -> list[str]:
        """Return the use cases that have a current model, in alphabetical order."""
        return sorted(self._current)

    async def knows(self, use_case: str) -> bool:
        """Say whether a model serves ``use_case``, asking the log if memory knows none.

        Raises:
            LogUnavailable: memory knows none, and the log cannot be asked.
        """
        return (await self._models(use_case)).current is not None

    async def version_for(
        self, use_case: str, key: str, alias: str | None = None
    ) -> tuple[Model, str] | None:
        """Return the model that ``key`` meets by the split of the traffic, and why; None without any model.

        With an ``alias`` it is the version that the alias points to, unless that was rolled back.

        Raises:
            Rejected: ``alias_not_found``.
            LogUnavailable: memory knows none, and the log cannot be asked.
        """
        models, prefix = await self._models(use_case), ""
        if alias is not None:
            named, why = find_alias(use_case, alias, models), f"alias {alias} of {use_case}"
            # What was taken back speaks to nobody; who asked for it hears what all the others hear.
            if not named.needs_reevaluation:
                return named, why
            prefix = f"{why}, which was rolled back; "
        current = current_model(models)
        if current is None:
            return None
        if not models.shares:
            return current, f"{prefix}current model of {use_case}"
        met = models.models[model_met(use_case, key, models)]
        facts = met.registered
        return (
            met,
            f"{prefix}{facts.name} {facts.version} has {models.shares[facts.model_id]} % of {use_case}",
        )

    def known_template(self, wanted: str) -> TemplateRegistered | None:
        """Return a template by ``name@version`` if memory knows it; nothing is asked of the log."""
        return self._templates.get(wanted)

    async def template(self, wanted: str) -> TemplateRegistered | None:
        """Return a template by ``name@version``, asking the log if memory does not know it."""
        if known := self._templates.get(wanted):
            return known
        stream = await self._read(template_stream(wanted.partition("@")[0]))
        found = [event for event in map(self._decode, stream) if isinstance(event, TemplateRegistered)]
        self._templates |= {label(event): event for event in TEMPLATE.fold(found).versions.values()}
        return self._templates.get(wanted)

    async def _models(self, use_case: str) -> UseCaseModels:
        if use_case in self._current:
            return self._use_cases[use_case]
        stream = await self._read(stream_of(use_case))
        found = UseCases()
        for event in map(self._decode, stream):
            found.take(event)
        return found.get(use_case, USE_CASE.initial)

    async def _read(self, stream: str) -> list[RecordedEvent]:
        return await self._look_up(self._log.read_stream(stream, limit=STREAM_EVENTS_MAX))

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``registry.current``: the model, or null, and the position it is true as of."""
        use_case = parse(CurrentQuery, query).use_case
        model = self.current(use_case)
        if model is None:
            return None, self.position
        shown = {
            **model.registered.model_dump(exclude={"card"}),
            "description": model.description,
            "configuration": model.configuration,
            "status": status_of(model.registered.model_id, self._use_cases[use_case]),
            "aliases": self._use_cases[use_case].aliases,
            "shares": self._use_cases[use_case].shares or {model.registered.model_id: 100},
        }
        return shown, self.position

    async def answer_templates(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``prompts.templates``: every template, the newest versions last."""
        wanted = parse(TemplatesQuery, query).template
        found = [each for each in self._templates.values() if wanted in ("", label(each))]
        return [template.model_dump() for template in found], self.position

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, TemplateRegistered):
            self._templates[label(event)] = event
        elif (models := self._use_cases.take(event)) and (model := current_model(models)):
            self._current[model.registered.use_case] = model
