"""The time of day: aware UTC in, RFC 3339 out.

Leases and due times are decided by the database's clock, never by this one.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-11-23T22:04:00.123Z`; a naive moment is a bug and raises."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in Studio; give it a time zone")
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
