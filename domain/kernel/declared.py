"""Base of every declared model: events, commands, queries, answers, and the parts within them."""

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel

_set_values = BaseModel.__dict__["__dict__"].__set__


class Declared(BaseModel):
    """A model that may be made of its values alone, without what pydantic notes beside them.

    pydantic keeps three slots beside a model's values: which fields were given, extra and private values.
    A reader of history makes millions of models, all fields given, nothing extra or private. It leaves the
    slots empty (`bus.quick_reading`: each would cost it 50 ns), and they read as if it had not.
    """

    @classmethod
    def of_values(cls, **values: Any) -> Self:
        """Return a model of all its fields, in their order; the values are right, none is checked.

        For what a decision makes thousands of a second of values that were checked when they came in.
        """
        made = object.__new__(cls)
        _set_values(made, values)
        return made

    if not TYPE_CHECKING:  # a checker would take any attribute for one that there is

        def __getattr__(self, name: str) -> Any:
            """Return what stands in an empty slot; raise `AttributeError` for all that is no slot."""
            match name:
                case "__pydantic_fields_set__":
                    return set(type(self).model_fields)
                case "__pydantic_extra__" | "__pydantic_private__":
                    return None
            return super().__getattr__(name)
