"""What may be asked of the templates and what happened to them.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import WRITING
from domain.kernel.visibility import Discreet, Private
from domain.kernel.vocabulary import Digest, Operator, Text

SECTIONS_MAX = 32
SECTION_CHARACTERS_MAX = 4_000
SLOT = "{value}"

TemplateName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="Name of the template, at most 63 characters."),
]
TemplateVersion = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$", description="Version, at most 32 characters.")
]
SectionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Role = Literal["system", "user", "assistant"]


class Section(Discreet):
    """One part of a prompt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: SectionName = Field(
        description="The key of the context that fills it; prompt is the prompt itself."
    )
    text: Annotated[
        Text,
        Field(
            max_length=SECTION_CHARACTERS_MAX,
            description="What stands there, {value} being the value. Without {value} it always stands there; "
            "with it only if there is a value.",
        ),
        Private(),
    ]
    cut: int = Field(
        0,
        ge=0,
        le=99,
        description="What is cut first when the prompt is too long: the highest number; 0 is never cut. A "
        "list loses its first items first.",
    )
    role: Role | None = Field(
        None,
        description="Whose message this is where the engine only chats; null: as the section before it, the "
        "first one the user's. Sections of one role that follow each other are one message. Engines that "
        "take plain completions get the same words as one text.",
    )


class TemplateFacts(Declared):
    """A template as its author describes it."""

    model_config = ConfigDict(frozen=True)

    name: TemplateName
    version: TemplateVersion
    description: Annotated[Text, Field(max_length=2_000, description="What it is for.")] = ""
    sections: list[Section] = Field(
        min_length=1,
        max_length=SECTIONS_MAX,
        description="The parts in their order, joined by the separator. Put what changes least first: an "
        "engine keeps the beginning of a prompt that it has seen.",
    )
    separator: str = Field(" ", max_length=8, description="What stands between the parts.")
    reserved: list[Annotated[Text, Field(min_length=1, max_length=64, pattern=r"\S")]] = Field(
        default_factory=list,
        max_length=64,
        description="Words that mean something to the model: they are taken out of every value, so that "
        "nobody can write them into a prompt.",
    )
    budget: int = Field(
        ge=1,
        le=1_000_000,
        description="Longest prompt with the answer's max_tokens; what is over it is cut.",
        json_schema_extra={"unit": "tokens"},
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> "TemplateFacts":
        names = [section.name for section in self.sections]
        if len(set(names)) < len(names):
            raise ValueError("two sections have the same name; give each its own")
        return self


EXAMPLE = {
    "name": "lamplight-line",
    "version": "1",
    "description": "A line of somebody at the harbour.",
    "sections": [
        {"name": "npc", "text": "You are {value}.", "cut": 0},
        {"name": "lore", "text": "It is true that {value}.", "cut": 2},
        {"name": "history", "text": "{value}", "cut": 3},
        {"name": "prompt", "text": 'A traveller says: "{value}"', "cut": 0},
        {"name": "answer", "text": "You answer:", "cut": 0},
    ],
    "separator": "\n",
    "reserved": ["<|im_start|>", "<|im_end|>"],
    "budget": 2_048,
}


class TemplateRegistered(TemplateFacts, Event, name="prompts.template_registered", version=1):
    """A template became known; what has a name and version never changes."""

    digest: Digest = Field(
        description="SHA-256 of the template's content: sections, separator, reserved, budget."
    )
    operator: Operator

    example: ClassVar = {**EXAMPLE, "digest": "sha256:" + "7a" * 32, "operator": "mira"}


class RegisterTemplate(TemplateFacts, Command, name="prompts.register_template", may=WRITING):
    """Make a template known. A model uses it whose configuration says ``template: name@version``.

    Refused with ``template_exists`` if this name and version is registered with other content.
    """

    operator: Operator

    example: ClassVar = {**EXAMPLE, "operator": "mira"}
