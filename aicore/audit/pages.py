"""Pages for people: Jinja2 templates that escape whatever they are given.

A page needs nothing else, runs no script and may be mailed; it forbids itself to load anything. What came
from a model, a player or a suite stands letter by letter in its order: signs that steer are shown as signs.
"""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

STEERING = {*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {9, 10}
HIDDEN = dict.fromkeys(STEERING, "\ufffd")
"""Signs that steer, or turn the reading direction by force."""


def render(template: str, **given: Any) -> str:
    """Return a page of `aicore/audit/templates`; all texts in ``given`` are escaped.

    Raises:
        jinja2.UndefinedError: the template needs what was not given.
    """
    return _PAGES.get_template(template).render(given)


def shown(value: object) -> object:
    """Return what stands in an expression, without signs that steer."""
    return value.translate(HIDDEN) if type(value) is str else value


_PAGES = Environment(
    loader=PackageLoader("aicore.audit"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=shown,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    auto_reload=False,
)
_PAGES.filters["px"] = "{:.1f}".format
