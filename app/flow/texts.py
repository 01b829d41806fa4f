"""How a value reads inside other text."""

from typing import Any

from app.flow.wording import number
from app.kit.codec import encode_text


def as_text(value: Any) -> str:
    """A value inside other text: nothing for null, a file by its name, lists and objects as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number(value)
        case {"asset": str(), "name": str(name)}:
            return name
        case _:
            return encode_text(value)
