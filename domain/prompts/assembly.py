"""Puts a prompt together from a template and a context, within a budget of tokens. Pure.

What does not fit is cut by the template's order: the section with the highest ``cut`` loses its first item,
then the next, until the rest fits. What was cut is told, so that the record can say what the model did not
see.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.kernel.decider import Rejected
from domain.prompts.messages import SLOT, Role, Section, TemplateFacts

Value = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Cut:
    """Loss of a section to the budget."""

    section: str
    items: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Assembled:
    """A prompt and how it came about."""

    text: str = field(repr=False)
    tokens: int
    """As counted, part by part."""
    cut: tuple[Cut, ...] = ()
    roles: tuple[tuple[Role, int], ...] = ()
    """Whose the text is, as a chat says it: each role with its characters; together all of it. Empty: the
    template names no roles."""


def room_for(template: TemplateFacts, max_tokens: int) -> int:
    """Return how many tokens the prompt may have beside an answer of ``max_tokens``.

    Raises:
        Rejected: ``invalid_field``, the answer takes the whole budget.
    """
    room = template.budget - max_tokens
    if room <= 0:
        raise Rejected(
            "invalid_field",
            f"max_tokens is {max_tokens}; the template {template.name}@{template.version} has a budget of "
            f"{template.budget} tokens for prompt and answer together",
            field="max_tokens",
            remedy=f"ask for fewer than {template.budget}, or give the template a larger budget",
        )
    return room


def assemble(
    template: TemplateFacts, context: Mapping[str, Value], *, room: int, count: Callable[[str], int]
) -> Assembled:
    """Return the prompt.

    Args:
        template: its parts in order.
        context: a value, or several, by section; empty ones count as none.
        room: tokens that the prompt may have, as `room_for` says.
        count: counts the tokens of a text.

    Raises:
        Rejected: ``unknown_context`` for a key that no section has, ``prompt_too_long`` if what may not be
            cut is too long already.
    """
    sections = {section.name: section for section in template.sections}
    if unknown := context.keys() - sections.keys():
        # How many, not which: a context is personal, with whatever keys a caller makes up.
        raise Rejected(
            "unknown_context",
            f"the template {template.name}@{template.version} has no section for {len(unknown)} of the "
            f"context's {len(context)} keys",
            field="context",
            remedy=f"it has {', '.join(sections)}",
        )
    items = {name: _items(context.get(name, ()), template.reserved) for name in sections}
    weights = {name: [count(item) for item in found] for name, found in items.items()}
    fixed = sum(
        count(section.text.replace(SLOT, ""))
        for section in template.sections
        if items[section.name] or SLOT not in section.text
    )
    total = fixed + sum(map(sum, weights.values()))
    lost: dict[str, list[int]] = {}
    # Of sections with the same rank the last is cut first.
    ranked = sorted(enumerate(template.sections), key=lambda place: (-place[1].cut, -place[0]))
    for name in (section.name for _, section in ranked if section.cut):
        while total > room and items[name]:
            items[name] = items[name][1:]
            lost.setdefault(name, []).append(weights[name].pop(0))
            total -= lost[name][-1]
            if not items[name] and SLOT in sections[name].text:
                total -= count(sections[name].text.replace(SLOT, ""))
    if total > room:
        raise Rejected(
            "prompt_too_long",
            f"the prompt has {total} tokens without all that may be cut; there is room for {room}: "
            f"the template's budget of {template.budget} less {template.budget - room} for the answer",
            field="prompt",
            remedy="shorten the prompt, ask for fewer max_tokens, or give the template a larger budget",
        )
    parts = [
        (section, section.text.replace(SLOT, " ".join(items[section.name])))
        for section in template.sections
        if items[section.name] or SLOT not in section.text
    ]
    cut = tuple(Cut(name, len(tokens), sum(tokens)) for name, tokens in lost.items())
    text = template.separator.join(part for _, part in parts)
    return Assembled(text, total, cut, _roles(template, parts))


def _roles(template: TemplateFacts, parts: Sequence[tuple[Section, str]]) -> tuple[tuple[Role, int], ...]:
    """Return whose each part is; a separator belongs to the part before it."""
    if all(section.role is None for section in template.sections):
        return ()
    spans: list[tuple[Role, int]] = []
    whose = _whose(template)
    for number, (section, part) in enumerate(parts, 1):
        role, length = whose[section.name], len(part) + len(template.separator) * (number < len(parts))
        if spans and spans[-1][0] == role:
            spans[-1] = (role, spans[-1][1] + length)
        elif length:
            spans.append((role, length))
    return tuple(spans)


def _whose(template: TemplateFacts) -> Mapping[str, Role]:
    """Return each section's role, its own or that of the section before it."""
    found: dict[str, Role] = {}
    role: Role = "user"
    for section in template.sections:
        role = section.role or role
        found[section.name] = role
    return found


def _items(value: Value, reserved: Sequence[str]) -> list[str]:
    """Return the items of a value without reserved words, on one line each, the empty ones left out."""
    found = [value] if isinstance(value, str) else list(value)
    return [clean for item in found if (clean := _clean(item, reserved))]


def _clean(text: str, reserved: Sequence[str]) -> str:
    """Take reserved words out until none is left: what remains may form a new one.

    A word takes its place in text for a blank, so one of blanks alone would never be gone.
    """
    reserved = [word for word in reserved if word.strip()]
    while any(word in text for word in reserved):
        for word in reserved:
            text = text.replace(word, " ")
    return " ".join(text.split())
