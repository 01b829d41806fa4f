"""Organizations, users and memberships as rows, and every question asked of them."""

import re
import unicodedata
from datetime import datetime
from uuid import UUID

import msgspec

from app.kit.ids import OrganizationId, UserId, new_id
from app.resources.accounts.email import normal_email
from app.resources.accounts.roles import Role
from app.store.database import Transaction


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: whoever is outside sees nothing of it."""

    id: OrganizationId
    name: str
    slug: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person. `is_super_admin`: runs the box, beside any role in an organization."""

    id: UserId
    email: str
    name: str
    is_super_admin: bool
    is_active: bool
    password_hash: str | None

    def __repr__(self) -> str:
        return f"User({self.id})"


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """One organization of a user, with the role there."""

    id: OrganizationId
    name: str
    slug: str
    role: Role


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One user of an organization."""

    user_id: UserId
    email: str
    name: str
    role: Role
    is_active: bool
    created_at: datetime
    last_login_at: datetime | None


_USER = "id, email, name, is_super_admin, is_active, password_hash"


def slug_of(name: str) -> str:
    """`Café Nord` → `cafe-nord`, with a few random letters so that it is free."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "organization"
    return f"{words}-{new_id().hex[-6:]}"


async def add_organization(tx: Transaction, name: str) -> Organization:
    """A new, empty organization under the id of the transaction's scope."""
    organization = Organization(id=OrganizationId(tx.organization_id), name=name, slug=slug_of(name))
    await tx.execute(
        "INSERT INTO organizations (id, name, slug) VALUES (%(id)s, %(name)s, %(slug)s)",
        msgspec.structs.asdict(organization),
    )
    return organization


async def add_user(
    tx: Transaction, *, email: str, name: str, password_hash: str | None, is_super_admin: bool = False
) -> User:
    """A new user without any membership."""
    user = User(
        id=UserId(new_id()),
        email=normal_email(email),
        name=name,
        is_super_admin=is_super_admin,
        is_active=True,
        password_hash=password_hash,
    )
    await tx.execute(
        "INSERT INTO users (id, email, name, is_super_admin, is_active, password_hash) "
        "VALUES (%(id)s, %(email)s, %(name)s, %(is_super_admin)s, %(is_active)s, %(password_hash)s)",
        msgspec.structs.asdict(user),
    )
    return user


async def add_membership(tx: Transaction, organization_id: UUID, user_id: UUID, role: Role) -> bool:
    """Make a user a member; False when they already are one."""
    return bool(
        await tx.execute(
            "INSERT INTO memberships (organization_id, user_id, role) "
            "VALUES (%(organization_id)s, %(user_id)s, %(role)s) ON CONFLICT DO NOTHING",
            {"organization_id": organization_id, "user_id": user_id, "role": role},
        )
    )


async def find_user(tx: Transaction, email: str) -> User | None:
    """The user with this address."""
    row = await tx.fetch_one(
        f"SELECT {_USER} FROM users WHERE email = %(email)s",  # noqa: S608  a constant column list
        {"email": normal_email(email)},
    )
    return None if row is None else msgspec.convert(row, User)


async def get_user(tx: Transaction, user_id: UUID) -> User:
    """The user with this id, who is known to exist."""
    row = await tx.fetch_one(
        f"SELECT {_USER} FROM users WHERE id = %(id)s",  # noqa: S608  a constant column list
        {"id": user_id},
    )
    return msgspec.convert(row, User)


async def find_super_admin(tx: Transaction) -> User | None:
    """Who runs the box: the first who may; None before it is claimed."""
    row = await tx.fetch_one(
        f"SELECT {_USER} FROM users WHERE is_super_admin AND is_active ORDER BY id LIMIT 1"  # noqa: S608
    )
    return None if row is None else msgspec.convert(row, User)


async def memberships_of(tx: Transaction, user_id: UUID) -> list[Membership]:
    """Every organization of a user, oldest first; needs the system scope."""
    rows = await tx.fetch_all(
        "SELECT o.id, o.name, o.slug, m.role "
        "FROM memberships m JOIN organizations o ON o.id = m.organization_id "
        "WHERE m.user_id = %(user_id)s ORDER BY m.created_at, o.id",
        {"user_id": user_id},
    )
    return [msgspec.convert(row, Membership) for row in rows]


async def organizations_of_super_admins(tx: Transaction) -> list[OrganizationId]:
    """Where those who run the box are members; needs the system scope."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT m.organization_id FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE u.is_super_admin AND u.is_active"
    )
    return [OrganizationId(row["organization_id"]) for row in rows]


async def members_of(tx: Transaction) -> list[Member]:
    """Everyone in the transaction's organization, oldest member first."""
    rows = await tx.fetch_all(
        "SELECT u.id AS user_id, u.email, u.name, m.role, u.is_active, m.created_at, u.last_login_at "
        "FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.organization_id = %(organization_id)s ORDER BY m.created_at, u.id",
        {"organization_id": tx.organization_id},
    )
    return [msgspec.convert(row, Member) for row in rows]


async def lock_roles(tx: Transaction) -> dict[UserId, Role]:
    """Who has which role here, held until the end of the transaction, so that the last owner stays one."""
    rows = await tx.fetch_all(
        "SELECT user_id, role FROM memberships WHERE organization_id = %(organization_id)s "
        "ORDER BY user_id FOR UPDATE",
        {"organization_id": tx.organization_id},
    )
    return {UserId(row["user_id"]): Role(row["role"]) for row in rows}


async def set_role(tx: Transaction, user_id: UUID, role: Role) -> None:
    """Change a member's role."""
    await tx.execute(
        "UPDATE memberships SET role = %(role)s "
        "WHERE organization_id = %(organization_id)s AND user_id = %(user_id)s",
        {"organization_id": tx.organization_id, "user_id": user_id, "role": role},
    )


async def remove_membership(tx: Transaction, user_id: UUID) -> None:
    """End a membership; requests under it fail from the next one on."""
    await tx.execute(
        "DELETE FROM memberships WHERE organization_id = %(organization_id)s AND user_id = %(user_id)s",
        {"organization_id": tx.organization_id, "user_id": user_id},
    )
