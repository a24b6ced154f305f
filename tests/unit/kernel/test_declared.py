"""A model made of its values alone is as one that pydantic made, whatever is asked of it."""

import pickle
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from typing import Any

import pytest
from pydantic import BaseModel

from bus.catalogue import domain_catalogue
from domain.kernel.declared import Declared
from domain.kernel.event import Event
from tests.unit.cases import each_of

EVENTS = tuple(domain_catalogue().events.values())


def bare(model: Any) -> Any:
    """Return an equal model, and models within it, with nothing in pydantic's slots."""
    match model:
        case Declared():
            made = object.__new__(type(model))
            object.__setattr__(
                made, "__dict__", {name: bare(value) for name, value in model.__dict__.items()}
            )
            return made
        case list():
            return [bare(each) for each in model]
        case dict():
            return {key: bare(each) for key, each in model.items()}
    return model


def whole(model: Any) -> Any:
    """Return the same with pydantic's slots as a validator leaves them where all fields are given."""
    match model:
        case BaseModel():
            values = {name: whole(value) for name, value in model.__dict__.items()}
            return type(model).model_construct(_fields_set=set(values), **values)
        case list():
            return [whole(each) for each in model]
        case dict():
            return {key: whole(each) for key, each in model.items()}
    return model


def models_in(value: Any) -> Iterator[BaseModel]:
    match value:
        case BaseModel():
            yield value
            for each in value.__dict__.values():
                yield from models_in(each)
        case list():
            for each in value:
                yield from models_in(each)
        case dict():
            for each in value.values():
                yield from models_in(each)


def hashed(model: BaseModel) -> Any:
    try:
        return hash(model)
    except TypeError as error:  # a list within it
        return str(error)


ASKED: dict[str, Callable[[Any], Any]] = {
    "values": lambda model: model.model_dump(),
    "JSON": lambda model: model.model_dump_json(),
    "values that were given": lambda model: model.model_dump(exclude_unset=True),
    "fields that were given": lambda model: [each.model_fields_set for each in models_in(model)],
    "extra values": lambda model: [each.model_extra for each in models_in(model)],
    "words": lambda model: (repr(model), str(model)),
    "hash": hashed,
    "pairs": dict,
    "state": lambda model: model.__getstate__(),
    "no such attribute": lambda model: hasattr(model, "nobody_declares_this"),
}


@each_of("kind", EVENTS, ids=lambda kind: kind.event_name)
def test_empty_slots_read_as_full_ones(kind: type[Event]) -> None:
    for what, asked in ASKED.items():
        event = kind.from_example()

        assert asked(bare(event)) == asked(whole(event)), what


@each_of("kind", EVENTS, ids=lambda kind: kind.event_name)
def test_a_bare_model_is_equal_to_a_whole_one_and_so_are_its_copies(kind: type[Event]) -> None:
    event = kind.from_example()
    made = bare(event)

    assert made == event
    assert event == made
    assert bare(event) == made
    for again in (copy(made), deepcopy(made), pickle.loads(pickle.dumps(made)), made.model_copy(deep=True)):
        assert again == event
        assert again.model_fields_set == set(kind.model_fields)
    assert kind.model_validate(made) is made


def test_a_bare_model_differs_from_another_one() -> None:
    for kind in EVENTS:
        event = kind.from_example()
        name = next(iter(kind.model_fields))

        changed = bare(event).model_copy(update={name: object()})

        assert changed != event
        assert changed != bare(event)


def test_what_a_bare_model_has_not_is_no_attribute() -> None:
    made = bare(EVENTS[0].from_example())
    with pytest.raises(AttributeError, match="has no attribute 'nobody'"):
        _ = made.nobody


def test_the_fields_of_one_model_are_not_those_of_another() -> None:
    one, two = bare(EVENTS[0].from_example()), bare(EVENTS[0].from_example())

    one.model_fields_set.clear()

    assert one.model_fields_set == two.model_fields_set == set(EVENTS[0].model_fields)


def test_a_model_of_values_is_the_one_that_a_validator_makes() -> None:
    for kind in EVENTS:
        event = kind.from_example()
        made = kind.of_values(**event.__dict__)
        assert (made, repr(made), made.model_dump()) == (event, repr(event), event.model_dump())
