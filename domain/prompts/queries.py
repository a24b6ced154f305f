"""Queries of the prompt templates."""

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.vocabulary import Text


class TemplatesQuery(Query, name="prompts.templates"):
    """Ask for every version of every prompt template, or for one.

    The result is a list of maps with the fields of prompts.template_registered, the newest versions last.
    """

    template: Text = Field("", max_length=256, description="Only this one, as name@version.")
