"""What can be wrong with bytes or names: one typed error for everything this package refuses."""


class WireError(ValueError):
    """A message or a name that breaks the specification (protocol/SPEC.md).

    Attributes:
        code: problem code as on the wire: ``malformed_message``, ``unsupported_version``, ``too_large`` or
            ``invalid_field``.
        field: dotted path of the field at fault, or "".
        message: the fact, with kinds and limits but never with the value, which may be private.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message
