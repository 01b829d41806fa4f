"""Email addresses: how they are written in calls, kept and compared."""

import unicodedata
from typing import Annotated

from msgspec import Meta

Email = Annotated[
    str, Meta(min_length=3, max_length=254, pattern=r"^\s*[^@\s]+@[^@\s]+\s*$", description="Email address")
]


def normal_email(text: str) -> str:
    """How an address is kept and compared."""
    return unicodedata.normalize("NFC", text.strip()).lower()
