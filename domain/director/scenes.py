"""The events by which a scene begins and tension changes. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.definition.storylets import ClaimForm, Storylet
from domain.director.casting import Cast, filled
from domain.director.choosing import Chosen
from domain.director.content import Content
from domain.director.messages import PlannedLine, SceneOpened, TensionChanged, Why
from domain.director.tension import Tension


class Setting(NamedTuple):
    """For whom and where a scene is played, and how tense it is for them and for the realm."""

    player: str
    place: str
    tension: str
    realm: str


def changed(player: str | None, tension: Tension) -> TensionChanged:
    """Return the event of another state of tension."""
    state: Any = tension.state
    until_ms = tension.until_ms or None
    return TensionChanged(
        player=player, state=state, level=tension.level, at_ms=tension.at_ms, until_ms=until_ms
    )


def scene_of(  # noqa: PLR0913 - each is one thing that it needs
    content: Content, chosen: Chosen, setting: Setting, number: int, run: int | None, now_ms: int
) -> SceneOpened:
    """Return the event by which a scene begins."""
    storylet, cast = chosen.playable.storylet, chosen.cast
    own = [role.id for role in chosen.playable.roles if not role.absent]
    present = sorted({cast.roles[role] for role in (*chosen.playable.of_arc, *own)})
    return SceneOpened(
        scene=number,
        storylet=storylet.id,
        version=content.version,
        player=setting.player,
        place=setting.place,
        cast=dict(cast.roles),
        present=present,
        at_ms=now_ms,
        until_ms=now_ms + storylet.lasts * 1_000,
        says=said(content, storylet, cast.roles, setting),
        lines=lines_of(storylet, cast, setting),
        tension=storylet.tension,
        realm=storylet.realm,
        quest=storylet.quest,
        run=run,
        why=_why(chosen, setting),
    )


def _why(chosen: Chosen, setting: Setting) -> Why:
    tension: Any = setting.tension
    realm: Any = setting.realm
    news = chosen.cast.news
    return Why(
        kind=chosen.playable.storylet.class_,
        specificity=chosen.specificity,
        rivals=chosen.rivals,
        tension=tension,
        realm=realm,
        news=news.number if news else None,
    )


def said(content: Content, storylet: Storylet, cast: Mapping[str, str], setting: Setting) -> str:
    """Return what happens, with names."""
    places = {each.id: each.name for each in content.definition.places}
    text = storylet.says.replace("{player}", setting.player)
    text = text.replace("{here}", places.get(setting.place, setting.place))
    for role, person in cast.items():
        text = text.replace(f"{{{role}}}", content.persons[person].name)
    return text[:1].upper() + text[1:]


def lines_of(storylet: Storylet, cast: Cast, setting: Setting) -> list[PlannedLine]:
    """Return what is said in a scene, as plans."""

    def whom(role: str) -> str:
        return f"person.{cast.roles[role]}" if role in cast.roles else f"player.{setting.player}"

    def claim(form: ClaimForm) -> str:
        arguments = filled(form, cast.roles, setting.player, setting.place, cast.news)
        return f"{form.predicate}({', '.join(arguments)})"

    return [
        PlannedLine(
            by=whom(line.by),
            to=whom(line.to),
            act=line.act,
            claims=[claim(form) for form in line.claims],
            manner=list(line.manner),
        )
        for line in storylet.lines
    ]
