"""Lore: what writers wrote down about a world, who may know it and when, and how it is found."""

from domain.kernel.context import Context
from domain.lore.messages import AddDocument, DocumentAdded, DocumentRemoved, RemoveDocument
from domain.lore.queries import DocumentQuery, DocumentsQuery, SearchQuery

CONTEXT = Context(
    "lore",
    events=(DocumentAdded, DocumentRemoved),
    commands=(AddDocument, RemoveDocument),
    queries=(SearchQuery, DocumentQuery, DocumentsQuery),
)
