"""What steps that call addresses on the web share: their fields, the body, the wish of a busy server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed

# Often another answer comes a little later.
TRY_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529})
NOT_LET_IN: Final = frozenset({401, 403, 407, 451})

Address = Annotated[
    str,
    Meta(
        title="Address",
        description="Starts with http:// or https://.",
        min_length=1,
        max_length=8192,
        extra_json_schema={"widget": "url", "placeholder": "https://api.example.org/v1/items"},
    ),
]
Headers = Annotated[
    dict[str, str],
    Meta(title="Headers", description="Sent as they are.", extra_json_schema={"widget": "pairs"}),
]
Query = Annotated[
    dict[str, str | int | float | bool],
    Meta(title="Query", description="Added to the address after “?”.", extra_json_schema={"widget": "pairs"}),
]


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


def with_query(url: str, query: Query) -> str:
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
