"""What travels in and out of the member calls."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from app.resources.accounts.email import Email
from app.resources.accounts.model import Member
from app.resources.accounts.roles import Role
from app.resources.paging import OnePage


class NewMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Someone to add. A person new to the box needs a first password; one who is known keeps theirs."""

    email: Email
    role: Role
    name: Annotated[str, Meta(max_length=200)] = ""
    password: Annotated[str, Meta(max_length=1024)] | None = None

    def __repr__(self) -> str:
        return "NewMember(****)"


class RoleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a member may do from now on."""

    role: Role


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the organization."""

    user_id: UUID
    email: str
    name: str
    role: Role
    is_active: bool
    created_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, member: Member) -> "MemberView":
        return msgspec.convert(msgspec.structs.asdict(member), cls)


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """Everyone in the organization, the oldest member first."""

    items: list[MemberView]
    next_cursor: OnePage = None
