"""Ids: UUIDv7, so that they sort by the time they were made; each kind of thing has its own type."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

from app.kit.errors import NotFound

OrganizationId = NewType("OrganizationId", UUID)
UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
WorkflowId = NewType("WorkflowId", UUID)
VersionId = NewType("VersionId", UUID)
InstanceId = NewType("InstanceId", UUID)
StepId = NewType("StepId", UUID)
AttemptId = NewType("AttemptId", UUID)
AssetId = NewType("AssetId", UUID)
WorkerId = NewType("WorkerId", UUID)


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562 §5.7); wrap it in the id type of the thing: `InstanceId(new_id())`."""
    return uuid7()


def first_id_at(moment: datetime) -> UUID:
    """No id made from this moment on is smaller: rows by age, found by their ids alone.

    Before 1970 no id was made; a row kept for a hundred years is asked for from there.
    """
    ms = max(0, int(moment.timestamp() * 1000))
    return UUID(int=ms << 80 | 0x7 << 76 | 0x2 << 62)


def parse_id(text: str) -> UUID:
    """The id written in an address. Raises NotFound: what is no id names nothing."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"“{text[:60]}” is not an id.") from None
