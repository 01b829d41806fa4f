"""What travels in and out of the sign-in calls."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from app.resources.accounts.model import Membership, Organization, User
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.paging import OnePage


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants in."""

    email: Annotated[str, Meta(max_length=254)]
    password: Annotated[str, Meta(max_length=1024)]

    def __repr__(self) -> str:
        return "Login(****)"


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password that was, and the one that is to be."""

    current: Annotated[str, Meta(max_length=1024)]
    new: Annotated[str, Meta(max_length=1024)]

    def __repr__(self) -> str:
        return "PasswordChange(****)"


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """A person, as others may see them."""

    id: UUID
    email: str
    name: str
    is_super_admin: bool

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(id=user.id, email=user.email, name=user.name, is_super_admin=user.is_super_admin)


class OrganizationView(msgspec.Struct, frozen=True, kw_only=True):
    """An organization the person acts for."""

    id: UUID
    name: str
    slug: str

    @classmethod
    def of(cls, organization: Organization | Membership) -> "OrganizationView":
        return cls(id=organization.id, name=organization.name, slug=organization.slug)


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in: the token for programs; browsers got the same as cookies."""

    access_token: str
    expires_in: Annotated[int, Meta(description="Seconds until the access token runs out")]
    user: UserView
    organization: OrganizationView
    role: Role
    token_type: str = "Bearer"  # noqa: S105  a scheme name, no secret


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The person of this request, where they act, and where else they could."""

    user: UserView
    organization: OrganizationView
    role: Role
    organizations: list[Membership]

    @classmethod
    def of(cls, principal: Principal, organizations: list[Membership]) -> "Me":
        return cls(
            user=UserView(
                id=principal.user_id,
                email=principal.email,
                name=principal.name,
                is_super_admin=principal.is_super_admin,
            ),
            organization=OrganizationView(
                id=principal.organization_id,
                name=principal.organization_name,
                slug=principal.organization_slug,
            ),
            role=principal.role,
            organizations=organizations,
        )


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of the person; `is_current`: the one that asks."""

    id: UUID
    user_agent: str | None
    address: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """The person's living sign-ins, newest first."""

    items: list[SessionView]
    next_cursor: OnePage = None
