"""Traces: whether they tell what one may tell, and name nothing that does not show."""

import re
from collections.abc import Iterator

from domain.definition.faults import Fault
from domain.definition.index import Index
from domain.definition.predicates import Predicate
from domain.definition.traces import ARGUMENTS, PLACE, TraceRule

_SLOT = re.compile(r"\{([a-z_]*)\}")
TEXTS = ("says", "fresh", "faint", "many")


def _predicates(index: Index) -> Iterator[Fault]:
    """Anybody may see a trace, so it tells no secret; and what it tells must be so for ever."""
    by_id = {each.id: each for each in index.all.predicates}
    for rule in index.all.traces:
        of, path = by_id.get(rule.of), f"traces.{rule.id}"
        if of is None:
            continue
        if of.secret or of.stage:
            why = "secret" if of.secret else f"of stage {of.stage}"
            clause = f"{of.id} is {why}, and a trace is for all to see"
            yield Fault("bad_secret", f"{path}.of", clause, "a predicate of which anybody may learn")
        if of.holds == "state" and rule.shows:
            clause = f"{of.id} is a state, which may be over while its trace is there"
            yield Fault("bad_trace", f"{path}.shows", clause, "a deed; or a trace that shows nothing")
        for at, name in enumerate(rule.shows):
            if not getattr(of, name):
                clause = f"{of.id} has no {name}"
                yield Fault("bad_trace", f"{path}.shows[{at}]", clause, ", ".join(_has(of)))


def _has(of: Predicate) -> list[str]:
    return [name for name in ARGUMENTS if getattr(of, name)]


def _texts(index: Index) -> Iterator[Fault]:
    for rule in index.all.traces:
        for field in TEXTS:
            text: str = getattr(rule, field)
            found = _SLOT.findall(text)
            allowed = [PLACE] if field == "many" else [PLACE, *rule.shows]
            if set(found) - set(allowed) or text.count("{") != len(found):
                slots = ", ".join(f"{{{name}}}" for name in allowed)
                clause = f"it says {text!r}, and names what does not show"
                yield Fault("bad_slot", f"traces.{rule.id}.{field}", clause, slots)


def _pays(index: Index) -> Iterator[Fault]:
    for rule in index.all.traces:
        for good_id, _ in rule.pays.goods:
            good = index.goods.get(good_id)
            if good and good.unique:
                path = f"traces.{rule.id}.pays.goods.{good_id}"
                clause = f"there is one {good_id}, and as many traces as events"
                yield Fault("bad_trace", path, clause, "a good of which there are many", at_key=True)
        if rule.pays and rule.many:
            yield _unpayable(rule)


def _unpayable(rule: TraceRule) -> Fault:
    clause = "what lies there is taken one by one, and many are told as one"
    return Fault("bad_trace", f"traces.{rule.id}.many", clause, "no many, or no pays")


TRACE_CHECKS = (((), _predicates), ((), _texts), ((), _pays))
