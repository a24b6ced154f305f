"""Predicates: whether they say what they take, and do not contradict themselves."""

import re
from collections.abc import Iterator

from domain.definition.faults import Fault
from domain.definition.index import Index
from domain.definition.predicates import Predicate

_SLOT = re.compile(r"\{([a-z_]*)\}")


def _says(index: Index) -> Iterator[Fault]:
    for each in index.all.predicates:
        path = f"predicates.{each.id}"
        forms = {
            f"{path}.says": each.says,
            **{f"{path}.heard[{at}]": form for at, form in enumerate(each.heard)},
        }
        for where, form in forms.items():
            wanted = ["subject", *["object"] * bool(each.object), *["value"] * bool(each.value)]
            found = _SLOT.findall(form)
            if sorted(found) != sorted(wanted) or form.count("{") != len(found):
                slots = ", ".join(f"{{{name}}}" for name in wanted)
                yield Fault("bad_slot", where, f"it says {form!r}", f"each of its arguments once: {slots}")


def _arguments(index: Index) -> Iterator[Fault]:
    for each in index.all.predicates:
        path = f"predicates.{each.id}"
        if each.value and not each.object:
            yield Fault("bad_predicate", f"{path}.value", "it has a value and no object", "an object, too")
        if each.symmetric and set(each.subject) != set(each.object):
            clause = "it holds both ways, and its subject and object are of different kinds"
            yield Fault("bad_predicate", f"{path}.symmetric", clause, "the same kinds on both sides")
        if missing := _one_for(each):
            clause = f"there is one for each {each.one_per}, and it has no {missing}"
            yield Fault("bad_predicate", f"{path}.one_per", clause, "what there may be one for")
        if each.one_per and each.holds == "deed":
            clause = "a deed has happened, however often another one does"
            yield Fault("bad_predicate", f"{path}.one_per", clause, "holds: state, or no one_per")


def _tension(index: Index) -> Iterator[Fault]:
    for each in index.all.predicates:
        path = f"predicates.{each.id}.tension"
        if each.tension and each.holds != "deed":
            clause = "a state has no moment at which who sees it would be stirred by it"
            yield Fault("bad_predicate", path, clause, "holds: deed, or no tension")
        if each.tension and each.secret:
            clause = "it is secret, and what moves a player is told to who asks why"
            yield Fault("bad_secret", path, clause, "no tension for what is secret")


def _one_for(each: Predicate) -> str:
    """Return what is missing for there to be one for it; "" if nothing is."""
    if each.one_per in ("object", "pair") and not each.object:
        return "object"
    return "value" if each.one_per == "pair" and not each.value else ""


def _ends(index: Index) -> Iterator[Fault]:
    by_id = {each.id: each for each in index.all.predicates}
    for each in index.all.predicates:
        for word, named in (("excludes", each.excludes), ("ends", each.ends)):
            for at, name in enumerate(named):
                if (other := by_id.get(name)) and (why := _ends_wrongly(each, other, word)):
                    path = f"predicates.{each.id}.{word}[{at}]"
                    yield Fault("bad_predicate", path, *why, other=f"predicates.{name}")


def _ends_wrongly(each: Predicate, other: Predicate, word: str) -> tuple[str, str] | None:
    """Return why one predicate cannot exclude or end another, and what it could; None if it can."""
    if other is each:
        return f"{each.id} {word} itself", "another one; of which there is one: one_per"
    if other.holds == "deed":
        return f"{other.id} is a deed: what happened has happened", "a state"
    if word == "excludes" and each.holds == "deed":
        return f"{each.id} is a deed, and excludes nothing", "ends: what is over with it"
    if word == "ends" and other.id in each.excludes:
        return f"{other.id} stands under excludes, too", "one of the two"
    if not set(each.subject) & set(other.subject):
        return f"{other.id} is never of the same subject", "one with a subject in common"
    return None


def _inverses(index: Index) -> Iterator[Fault]:
    taken = {each.id: f"predicates.{each.id}" for each in index.all.predicates}
    for each in index.all.predicates:
        path = f"predicates.{each.id}.inverse"
        if not each.inverse:
            continue
        if each.inverse in taken:
            clause = f"the name {each.inverse!r} is taken"
            yield Fault("same_name", path, clause, "a name of its own", other=taken[each.inverse])
        elif each.symmetric or not each.object:
            clause = "it holds both ways" if each.symmetric else "it has no object"
            yield Fault("bad_predicate", path, f"{clause}, and has an inverse", "no inverse")
        taken.setdefault(each.inverse, path)


def _secrets(index: Index) -> Iterator[Fault]:
    """What nobody may be told cannot spread, nor be seen by who happens to be there: secrets fail closed."""
    for each in index.all.predicates:
        path = f"predicates.{each.id}"
        if each.secret and each.spreads:
            clause = f"it is secret, and spreads ({each.spreads / 1000:g})"
            yield Fault("bad_secret", f"{path}.spreads", clause, "spreads: 0 for what is secret")
        if each.secret and _open(each):
            clause = f"it is secret, and {each.witnessed} witnesses it"
            yield Fault("bad_secret", f"{path}.witnessed", clause, "nobody or party for what is secret")


def _open(each: Predicate) -> bool:
    return each.witnessed not in ("nobody", "party")


PREDICATE_CHECKS = (
    ((), _says),
    ((), _arguments),
    ((), _ends),
    ((), _inverses),
    ((), _secrets),
    ((), _tension),
)
