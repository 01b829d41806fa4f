"""Who belongs to an organization, and who decides about it.

Nobody gives or takes a role above their own, and an organization keeps an owner.
"""

from uuid import UUID

from app.kit.errors import Complaint, Conflict, Forbidden, Invalid, NotFound
from app.resources.accounts import model
from app.resources.accounts.model import Member
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.audit.record import record
from app.resources.members import acts
from app.resources.members.schemas import NewMember
from app.store.database import Transaction


class MemberNotFound(NotFound):
    """There is no such member in this organization."""


class AlreadyMember(Conflict):
    """This person is a member already; change their role instead."""


class LastOwner(Conflict):
    """An organization needs an owner; make somebody else one first."""


class RoleAboveYours(Forbidden):
    """You cannot give or take a role above your own."""


class PasswordNeeded(Invalid):
    """This person is new to the box; give them a first password."""


async def add(tx: Transaction, by: Principal, new: NewMember, password_hash: str | None) -> Member:
    """Add a person, making their user if the box does not know them.

    Raises RoleAboveYours, PasswordNeeded, AlreadyMember.
    """
    _refuse_above(by, new.role)
    user = await model.find_user(tx, new.email)
    if user is None:
        if password_hash is None:
            raise PasswordNeeded(
                complaints=[Complaint(field="password", message="A new person needs a password.")]
            )
        name = new.name.strip() or new.email.strip().split("@")[0]
        user = await model.add_user(tx, email=new.email, name=name, password_hash=password_hash)
    if not await model.add_membership(tx, tx.organization_id, user.id, new.role):
        raise AlreadyMember
    await record(tx, acts.ADDED, by, subject=user.email, subject_id=user.id, role=new.role)
    return await _find(tx, user.id)


async def change_role(tx: Transaction, by: Principal, user_id: UUID, role: Role) -> Member:
    """Raises RoleAboveYours, MemberNotFound, LastOwner."""
    _refuse_above(by, role)
    await _refuse_or_lock(tx, by, user_id, stays_owner=role is Role.owner)
    await model.set_role(tx, user_id, role)
    member = await _find(tx, user_id)
    await record(tx, acts.ROLE_CHANGED, by, subject=member.email, subject_id=user_id, role=role)
    return member


async def remove(tx: Transaction, by: Principal, user_id: UUID) -> None:
    """End a membership; it counts from their next request on. Raises as `change_role` does."""
    await _refuse_or_lock(tx, by, user_id, stays_owner=False)
    member = await _find(tx, user_id)
    await model.remove_membership(tx, user_id)
    await record(tx, acts.REMOVED, by, subject=member.email, subject_id=user_id)


async def _refuse_or_lock(tx: Transaction, by: Principal, user_id: UUID, *, stays_owner: bool) -> None:
    roles = await model.lock_roles(tx)
    present = {key: role for key, role in roles.items() if key == user_id}
    if not present:
        raise MemberNotFound
    (role,) = present.values()
    _refuse_above(by, role)
    owners = [key for key, one in roles.items() if one is Role.owner]
    if role is Role.owner and not stays_owner and len(owners) == 1:
        raise LastOwner


def _refuse_above(by: Principal, role: Role) -> None:
    if not by.role.covers(role):
        raise RoleAboveYours


async def _find(tx: Transaction, user_id: UUID) -> Member:
    for member in await model.members_of(tx):
        if member.user_id == user_id:
            return member
    raise MemberNotFound
