"""Prompt templates: versioned, registered, and assembled under a budget of tokens."""

from domain.kernel.context import Context
from domain.prompts.messages import RegisterTemplate, TemplateRegistered
from domain.prompts.queries import TemplatesQuery

CONTEXT = Context(
    "prompts",
    events=(TemplateRegistered,),
    commands=(RegisterTemplate,),
    queries=(TemplatesQuery,),
)
