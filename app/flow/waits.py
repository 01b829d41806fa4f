"""What a step can wait for, and the answers it gets: shapes only.

A waiting step stands in the database and holds no worker. Time brings some of them on, everything else is
an `Answer` that somebody gives through the engine's move of that name.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class WaitKind(StrEnum):
    """Who brings a waiting step on."""

    time = "time"
    start = "start"  # a person starts a step whose mode is `stop`
    person = "person"  # people are asked and answer
    callback = "callback"  # another program calls the step's own address
    child = "child"  # an instance that runs for this step


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody answered. `by`: who is signed in, None for a program that calls back."""

    at: datetime
    value: Any = None
    by: UUID | None = None
    name: str = ""  # of the person, for the record
    role: str = ""  # of the person in the instance's organization, at that moment
    is_requester: bool = False  # whether this person started the instance


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A wait as it is kept: what is asked, for whoever answers, and the answers so far."""

    request: dict[str, Any] = {}
    answers: list[Answer] = []


class Round(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a step stands that runs another workflow: the request of its `Waiting`."""

    number: int = 1
    instance: UUID | None = None  # what runs for it now; None: the round has not begun
    last: UUID | None = None  # the instance of the round before
