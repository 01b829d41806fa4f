"""What a step can wait for, who may answer, and the answers it gets.

A waiting step stands in the database and holds no worker. Time brings some of them on, everything else is
an `Answer` that somebody gives through the engine's move of that name.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from app.flow.roles import Role
from app.kit.errors import Conflict, Forbidden, StudioError


class NotAsked(Forbidden):
    """You are not among those who may answer this."""


class AnsweredAlready(Conflict):
    """You have answered this already; it waits for somebody else."""


class NotByGet(StudioError):
    """This address is called with POST."""

    status = 405


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
    email: str = ""
    role: Role | None = None  # of the person in the instance's organization, at that moment
    is_requester: bool = False  # whether this person started the instance


class Who(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may answer a question, each person once. Without a role and people: every member."""

    role: Role | None = None  # members with at least this role
    people: tuple[str, ...] = ()  # and these, whatever their role: email addresses or user ids
    not_requester: bool = False  # never whoever started the instance

    def admit(self, given: Answer, before: Sequence[Answer]) -> None:
        """Let a person answer, once. Raises NotAsked, AnsweredAlready.

        `before`: the answers so far.
        """
        if self.not_requester and given.is_requester:
            raise NotAsked("You started this run, so somebody else has to answer.")
        if not self._names(given):
            raise NotAsked(self._sentence())
        if given.by is not None and any(one.by == given.by for one in before):
            raise AnsweredAlready

    def refusal(self, given: Answer, before: Sequence[Answer]) -> str | None:
        """Why this person could not answer now, None when they could."""
        try:
            self.admit(given, before)
        except (NotAsked, AnsweredAlready) as exc:
            return exc.detail
        return None

    def _names(self, given: Answer) -> bool:
        if self.role is None and not self.people:
            return True
        if self.role is not None and given.role is not None and given.role.covers(self.role):
            return True
        names = {given.email.casefold(), str(given.by)}
        return any(one.strip().casefold() in names for one in self.people)

    def _sentence(self) -> str:
        if self.role is None:
            return "This is asked of others; only they may answer."
        others = ", or one of the people named" if self.people else ""
        return f"Answering this needs the role {self.role}{others}."


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A wait as it is kept: what is asked, of whom, and the answers so far."""

    request: dict[str, Any] = {}
    answers: list[Answer] = []
    who: Who | None = None
    early: Answer | None = None  # a call that came before the step waited


class Round(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a step stands that runs another workflow: the request of its `Waiting`."""

    number: int = 1
    instance: UUID | None = None  # what runs for it now; None: the round has not begun
    last: UUID | None = None  # the instance of the round before
