"""Errors a person can act on: one root with an HTTP status, one class a situation.

The docstring of a class is its default sentence. A failure names the thing, the reason and the next
move; secrets and server paths stay out. The server turns each into RFC 9457 problem details.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec


class Complaint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing wrong with a document or an input, with the place to look.

    `field` is a dotted path inside the node or the input (`with.image`); `column` counts from 1 inside
    the text of that field.
    """

    message: str
    node: str | None = None
    field: str | None = None
    column: int | None = None


class StudioError(Exception):
    """Something went wrong inside Studio; the log has the details."""

    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str | None = None,
        *,
        remedy: str | None = None,
        complaints: Sequence[Complaint] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.detail = detail or self.default_sentence()
        self.remedy = remedy
        self.complaints = tuple(complaints)
        self.headers = dict(headers or {})
        self.extra = extra
        super().__init__(self.detail)

    @classmethod
    def default_sentence(cls) -> str:
        """The first paragraph of the class docstring, on one line."""
        return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())

    @classmethod
    def code(cls) -> str:
        """The class name as a stable word for machines: `InstanceNotFound` → `instance-not-found`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class Malformed(StudioError):
    """The request could not be read."""

    status = 400


class Unauthorized(StudioError):
    """Sign in to do this."""

    status = 401


class Forbidden(StudioError):
    """Your role in this organization does not allow this."""

    status = 403


class NotFound(StudioError):
    """There is nothing under this address, or it belongs to another organization."""

    status = 404


class Conflict(StudioError):
    """This does not fit the present state of the thing."""

    status = 409


class Gone(StudioError):
    """This was here once and is no longer."""

    status = 410


class TooLarge(StudioError):
    """This is larger than this box accepts."""

    status = 413


class Invalid(StudioError):
    """Some values are not valid; each complaint says which and why."""

    status = 422


class TooManyRequests(StudioError):
    """Too many attempts; wait a little and try again."""

    status = 429


class Unavailable(StudioError):
    """A part of Studio is not reachable right now; try again in a moment."""

    status = 503
