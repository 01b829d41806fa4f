"""Rows as the JSON text that Postgres takes for jsonb.

Postgres refuses the character U+0000 in jsonb. A step that reads a binary file as text can put one into its
outputs; refusing the whole move would leave the worker sending the same finish for ever, so the character
is replaced by U+FFFD, as decoders do with what they cannot show.
"""

import re
from typing import Any

from app.kit.codec import encode_text

# The escape itself, not a backslash that is escaped in front of the letters u0000.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def storable(value: Any) -> str:
    """JSON text without U+0000."""
    text = encode_text(value)
    if "\\u0000" in text:
        return _NUL.sub("\\1\ufffd", text)
    return text
