"""Declaring an event, a command, a query or a live message: names, versions, and what is refused."""

from types import new_class
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ValidationError

from domain.kernel.event import Command, Event, LiveMessage, Query, needs_second
from domain.kernel.roles import AUDITOR, GOVERNING, PEOPLE, SERVICE


class Lit(Event, name="lamp.lit", version=3):
    keeper: str

    example: ClassVar = {"keeper": "wen"}


class Light(Command, name="lamp.light"):
    keeper: str


class Lamps(Query, name="lamp.all"):
    keeper: str


class Flicker(LiveMessage, name="lamp.flicker", subject="{realm}.live.{id}"):
    keeper: str


def test_a_declaration_carries_its_name_and_version() -> None:
    assert (Lit.event_name, Lit.event_version) == ("lamp.lit", 3)
    assert Light.command_name == "lamp.light"
    assert Lamps.query_name == "lamp.all"
    assert (Flicker.live_name, Flicker.subject) == ("lamp.flicker", "{realm}.live.{id}")


def test_a_declaration_says_who_may_send_it_and_governing_is_the_operators() -> None:
    class Snuff(Command, name="lamp.snuff", may=(SERVICE,)):
        pass

    class Wicks(Query, name="lamp.wicks", may=(AUDITOR,)):
        pass

    assert (Light.may, Snuff.may) == (GOVERNING, (SERVICE,))
    assert (Lamps.may, Wicks.may) == (PEOPLE, (AUDITOR,))


def test_a_declaration_says_whether_a_second_operator_is_to_confirm_it() -> None:
    class Douse(Command, name="lamp.douse", four_eyes=True):
        pass

    class DouseAll(Douse, name="lamp.douse_all"):
        pass

    class Sell(Command, name="lamp.sell", four_eyes="below"):
        below: str = ""

    asked = [Light(keeper="wen"), Douse(), DouseAll(), Sell(), Sell(below="cost")]
    assert [needs_second(each) for each in asked] == [False, True, True, False, True]
    assert needs_second(Command()) is False


def test_a_live_message_goes_to_one_client_unless_it_is_said_who_hears_it() -> None:
    class Glow(LiveMessage, name="lamp.glow", subject="{realm}.live.glow", heard_with="lamp.all"):
        pass

    assert (Flicker.heard_with, Glow.heard_with) == ("", "lamp.all")


def test_the_first_version_need_not_be_said() -> None:
    class Out(Event, name="lamp.out"):
        pass

    assert Out.event_version == 1


def test_what_is_declared_without_a_name_is_a_base_of_others() -> None:
    class Told(Event):
        keeper: str

    class Said(Command):
        keeper: str

    class Asked(Query):
        keeper: str

    for base, attribute in ((Told, "event_name"), (Said, "command_name"), (Asked, "query_name")):
        assert not hasattr(base, attribute)
    assert not hasattr(Told, "event_version")


def test_a_subclass_without_a_name_keeps_that_of_its_base() -> None:
    class Brighter(Lit):
        lumen: int = 1

    assert (Brighter.event_name, Brighter.event_version) == ("lamp.lit", 3)


def test_the_example_is_an_event() -> None:
    assert Lit.from_example() == Lit(keeper="wen")


@pytest.mark.parametrize("kind", [Lit, Light, Lamps, Flicker])
def test_a_message_never_changes(kind: type[BaseModel]) -> None:
    made = kind(keeper="wen")

    with pytest.raises(ValidationError, match="frozen"):
        made.keeper = "ann"  # type: ignore[attr-defined]  # that of each


@pytest.mark.parametrize("kind", [Light, Lamps, Flicker])
def test_what_comes_from_outside_is_refused_with_a_field_that_nobody_knows(kind: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.model_validate({"keeper": "wen", "lumen": 1})


def test_an_event_of_a_newer_writer_is_read_without_what_it_added() -> None:
    assert Lit.model_validate({"keeper": "wen", "lumen": 1}) == Lit(keeper="wen")
    assert not hasattr(Lit.model_validate({"keeper": "wen", "lumen": 1}), "lumen")


@pytest.mark.parametrize("base", [Event, Command, Query])
def test_a_class_argument_that_nobody_knows_is_refused(base: type[BaseModel]) -> None:
    """pydantic takes some, such as ``title``; the rest must not be swallowed."""
    with pytest.raises(TypeError):
        new_class("Odd", (base,), {"name": "a.b", "nmae": "a.c"})
    titled: Any = new_class("Open", (base,), {"name": "a.b", "title": "T"})
    assert titled.model_config["title"] == "T"
