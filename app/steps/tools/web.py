"""What steps that call addresses on the web share: the query, the body, the wish of a busy server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed

# Often another answer comes a little later.
TRY_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529})
NOT_LET_IN: Final = frozenset({401, 403, 407, 451})


def body_of(headers: Mapping[str, str], json: Any, text: str | None) -> tuple[dict[str, str], bytes | None]:
    """Headers and content of a call that sends JSON, text or nothing. Raises StepFailed for both."""
    sent = dict(headers)
    given = {name.lower() for name in sent}
    if json is not None:
        if text is not None:
            raise StepFailed(
                ErrorClass.bad_input,
                "Both a JSON body and a text body are given.",
                remedy="Clear one of the two.",
            )
        if "content-type" not in given:
            sent["content-type"] = "application/json"
        return sent, msgspec.json.encode(json)
    if text is None:
        return sent, None
    if "content-type" not in given:
        sent["content-type"] = "text/plain; charset=utf-8"
    return sent, text.encode()


def with_query(url: str, query: Mapping[str, str | int | float | bool]) -> str:
    """The address with these added behind its “?”."""
    if not query:
        return url
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    pairs += [
        (name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in query.items()
    ]
    return urlunsplit(parts._replace(query=urlencode(pairs)))


def retry_after_s(value: str | None) -> float | None:
    """Seconds from a Retry-After header, which holds a number or a date (RFC 9110 §10.2.3)."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
