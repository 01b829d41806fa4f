"""Times as texts: RFC 3339 in, RFC 3339 out."""

from datetime import UTC, datetime

from app.kit.clock import rfc3339

__all__ = ["read_time", "write_time"]


def read_time(text: str) -> datetime | None:
    """The moment a text names, or None. A day alone is its midnight, and a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def write_time(moment: datetime) -> str:
    """The moment in UTC, as every time of a run is written."""
    return rfc3339(moment.astimezone(UTC))
