"""What steps that ask people share: who may answer, how long there is, and how an answer is read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from app.flow.mismatch import explain
from app.flow.roles import Role
from app.flow.waits import Answer, Who
from app.kit.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)

LONGEST_S: Final = 366 * 24 * 3600.0  # a deadline further away is no deadline

Question = Annotated[
    str,
    Meta(
        title="Question",
        description="What people are asked, in a line.",
        min_length=1,
        max_length=500,
    ),
]
Text = Annotated[
    str,
    Meta(
        title="Text",
        description="What they should know to answer.",
        max_length=20_000,
        extra_json_schema={"widget": "textarea"},
    ),
]
LowestRole = Annotated[
    Role | None,
    Meta(title="Role", description="Members with at least this role may answer."),
]
People = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=320)]],
    Meta(
        title="People",
        description="Email addresses of members who may answer, whatever their role.",
        max_length=100,
        extra_json_schema={"widget": "tags"},
    ),
]
NotRequester = Annotated[
    bool,
    Meta(title="Somebody else", description="Whoever started the run may not answer."),
]
Within = Annotated[
    Annotated[float, Meta(gt=0, le=LONGEST_S)] | None,
    Meta(
        title="Within",
        description="How long there is to answer; empty: as long as it takes.",
        extra_json_schema={"unit": "s", "widget": "duration"},
    ),
]


def who_of(role: Role | None, people: Sequence[str], *, default: Role, not_requester: bool) -> Who:
    """Who may answer. Naming people alone asks nobody else; naming nobody asks the default role."""
    if role is None and not people:
        role = default
    return Who(role=role, people=tuple(people), not_requester=not_requester)


def deadline(within_s: float | None, now: datetime) -> datetime | None:
    """When the time to answer is over."""
    return None if within_s is None else now + timedelta(seconds=within_s)


def read_answer(value: Any, into: type[T]) -> T:
    """An answer in its shape. Raises Invalid with the place that does not fit."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as exc:
        complaint = explain(str(exc), into)
        raise Invalid("This answer does not fit the question.", complaints=[complaint]) from exc


def names_of(answers: Sequence[Answer]) -> list[str]:
    """Who gave these answers, for the record."""
    return [one.name or one.email or "Somebody" for one in answers]
