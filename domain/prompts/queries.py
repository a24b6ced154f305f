"""Queries of the prompt templates."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import Text


class TemplatesQuery(Query, name="prompts.templates"):
    """Ask for every version of every prompt template, or for one.

    The result is a list of maps with the fields of prompts.template_registered, the newest versions last.
    """

    shows: ClassVar = {"sections.text": Private()}

    template: Text = Field("", max_length=256, description="Only this one, as name@version.")
