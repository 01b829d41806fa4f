"""The shape of every error answer."""

import msgspec

from app.kit.errors import Complaint

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong, why and what to do (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str | None = None
    complaints: tuple[Complaint, ...] = ()
    request_id: str | None = None
