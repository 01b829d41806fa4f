"""What no log may show: secrets by their value, wherever they stand, and fields by their name.

Whoever holds a secret registers its value once (`keep_secret`); from then on no line of this process shows
it, in whatever sentence, traceback or address it turns up. Names catch what nobody registered.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from app.kit.codec import encode_text

STARS: Final = "****"
SHORTEST: Final = 8  # a shorter one would star words that are none
MOST: Final = 500  # values at a time; of those that were opened for a moment, the oldest are forgotten

# `max_tokens: 512` is a number, and `token_prefix` no secret: the name has to end with the word.
_NAME: Final = re.compile(
    r"(?:^|[_-])(?:password|passwd|passphrase|secret|token|authorization|cookie|api[_-]?key|private[_-]?key)s?$",
    re.IGNORECASE,
)
_IN_ADDRESS: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
_BEARER: Final = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)

_known: OrderedDict[str, None] = OrderedDict()


def keep_secret(*values: str | None) -> None:
    """From here on no line shows these values, plain, as part of an address or inside JSON."""
    for value in values:
        if value is None or len(value) < SHORTEST:
            continue
        for form in {value, quote(value, safe=""), encode_text(value)[1:-1]}:
            _known[form] = None
            _known.move_to_end(form)
    while len(_known) > MOST:
        _known.popitem(last=False)


def redacted(text: str) -> str:
    """The text without what is secret in it."""
    for value in _known:
        if value in text:
            text = text.replace(value, STARS)
    if "://" in text:
        text = _IN_ADDRESS.sub(rf"\1:{STARS}@", text)
    if "earer" in text or "asic" in text:
        text = _BEARER.sub(rf"\1 {STARS}", text)
    return text


def redacted_value(name: str, value: Any) -> Any:
    """A field of a log line, and what lies in it, without what is secret."""
    if isinstance(value, str):
        return STARS if value and _NAME.search(name) else redacted(value)
    if isinstance(value, Mapping):
        return {key: redacted_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(name, inner) for inner in value]
    return value
