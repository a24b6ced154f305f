"""What an argument of the command line names: in the short form that people type, or with its kind.

What can be none is refused here, with the form that is wanted and the nearest kind: who types a name should
not have to read the wire's patterns.
"""

import re
from collections.abc import Sequence

from aicore.cli.terminal import Exit, Failure
from domain.definition.faults import nearest
from domain.definition.predicates import ARGUMENT_KINDS

HOLDERS = ("person", "player")
_PERSON, _PLAYER = re.compile(r"[a-z][a-z0-9_]{0,63}"), re.compile(r"[A-Za-z0-9_-]{1,128}")
_FORMS = {"person": "una_pell, person.una_pell or 'Una Pell'", "player": "player.ann"}


def holder_of(text: str) -> str:
    """Return who is meant: una_pell, Una Pell, player-0, person.una_pell, player.ann.

    A name alone is a person's, if it can be one; an id with capitals, dashes or a digit in front is a
    player's.

    Raises:
        Failure: nobody can be called so.
    """
    kind, dot, id_ = text.partition(".")
    if not dot:
        return _without_kind(text)
    if kind not in HOLDERS:
        raise _no_kind(text, kind, HOLDERS)
    if not (_PERSON if kind == "person" else _PLAYER).fullmatch(id_):
        raise _malformed(text, kind)
    return text


def named(text: str) -> str:
    """Return whom or what is meant: place.tally_house as it is; without a kind, as `holder_of` does.

    Raises:
        Failure: the kind is none of a claim's, or nobody can be called so.
    """
    kind, dot, _ = text.partition(".")
    if not dot or kind in HOLDERS:
        return holder_of(text)
    if kind not in ARGUMENT_KINDS:
        raise _no_kind(text, kind, ARGUMENT_KINDS)
    return text


def id_of(text: str, kind: str) -> str:
    """Return the id of something of one kind: lamp_yard for lamp_yard and for place.lamp_yard.

    Raises:
        Failure: it names something of another kind, or nothing can be called so.
    """
    given, dot, id_ = text.partition(".")
    if dot and given != kind:
        raise _no_kind(text, given, [kind])
    id_ = id_ if dot else text
    if kind != "player" and not _PERSON.fullmatch(id_):
        id_ = _slug(id_)
    if not (_PLAYER if kind == "player" else _PERSON).fullmatch(id_):
        raise _malformed(text, kind)
    return id_


def _without_kind(text: str) -> str:
    if _PERSON.fullmatch(text):
        return f"person.{text}"
    if _PLAYER.fullmatch(text):
        return f"player.{text}"
    if _PERSON.fullmatch(slug := _slug(text)):
        return f"person.{slug}"
    raise _malformed(text, "")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower().replace("'", "")).strip("_")


def _no_kind(text: str, kind: str, known: Sequence[str]) -> Failure:
    near = nearest(kind, known) or known[0]
    return Failure(
        f"{text!r}: there is no kind {kind!r} here, but {', '.join(known)}",
        remedy=f"write {near}.{text.partition('.')[2]}, or another of them",
        code=Exit.USAGE,
    )


def _malformed(text: str, kind: str) -> Failure:
    forms = _FORMS.get(kind) or ("; ".join(_FORMS.values()) if not kind else f"{kind}.its_id")
    return Failure(f"nothing can be called {text!r}", remedy=f"write {forms}", code=Exit.USAGE)
