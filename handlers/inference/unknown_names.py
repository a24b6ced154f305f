"""Names in a question that nothing here knows: it is answered all the same, and the reply warns.

An unknown use case, alias, tier, adapter or section of the context is refused: there would be no answer, or
another one. A character is not: a game has characters before its content pack has them, and the caller may
say in the context who they are. A misspelt one would speak without persona and home, unnoticed. So would one
for whom the model's template has no place.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence

from domain.inference.messages import InferenceRequested

PERSONA = "npc"
"""The section by which a caller says itself who speaks."""

Warnings = Sequence[Mapping[str, str]]


def warnings_of(
    request: InferenceRequested, characters: Collection[str] | None, *, placed: bool = True
) -> Warnings:
    """Return the warnings to a question, each with ``code``, ``field`` and ``message``.

    ``characters``: the ids that the content knows; None: there is no content to know any. ``placed``: whether
    the template has a place for what is known of a character.
    """
    npc = request.npc
    if npc is not None and not placed:
        said = (
            f"the template {request.template} has no place for a character: {npc!r} changed nothing in the "
            "prompt; give the template a section npc, or leave npc out"
        )
        return ({"code": "npc_without_place", "field": "npc", "message": said},)
    if npc is None or characters is None or npc in characters or PERSONA in request.context:
        return ()
    near = difflib.get_close_matches(npc, characters, n=1)
    way_out = f"did you mean {near[0]!r}?" if near else "add the character there, or give context.npc"
    return (
        {
            "code": "unknown_npc",
            "field": "npc",
            "message": f"the content has no character {npc!r}; {way_out}",
        },
    )
