"""Writing an audit entry, in the transaction of the act it tells of: both are there, or neither.

A room names what it does in its `acts.py` and records it beside the act:

    ROLE_CHANGED = Act("member.role_changed", "gave {subject} the role {role}")
    await record(tx, acts.ROLE_CHANGED, principal, subject=member.email, subject_id=member.user_id, role=role)

What touches a person's account and not one organization (signing in, a new password) is told to each
organization the person belongs to; what touches the whole box, to the organization of who does it, or from
the command line to those of the people who run the box.
"""

from typing import Any
from uuid import UUID

import msgspec

from app.kit.ids import UserId
from app.resources.accounts import model as accounts
from app.resources.accounts.connection import Connection, address_of
from app.resources.accounts.model import User
from app.resources.accounts.principal import Principal
from app.resources.audit import model
from app.store.database import Transaction

MAX_NAME = 300


class Act(msgspec.Struct, frozen=True):
    """Something worth an entry. `words`: what the person did, with `{subject}` and details by name."""

    name: str
    words: str


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, and from where. Without an id: the box itself or whoever is at its command line."""

    id: UserId | None
    name: str
    address: str | None = None

    @classmethod
    def of(cls, person: User, connection: Connection) -> "Actor":
        """Somebody who is about to be signed in, or was not."""
        return cls(id=person.id, name=person.name or person.email, address=address_of(connection))


THE_BOX = Actor(id=None, name="Studio")


def actor_of(by: Principal | Actor) -> Actor:
    """Who acts, signed in or not."""
    return Actor(id=by.user_id, name=by.called, address=by.address) if isinstance(by, Principal) else by


async def record(
    tx: Transaction,
    act: Act,
    by: Principal | Actor,
    *,
    subject: str = "",
    subject_id: UUID | None = None,
    organization_id: UUID | None = None,
    **details: Any,
) -> None:
    """Tell what is done in this transaction. `organization_id`: where it is not the transaction's own."""
    actor = actor_of(by)
    await model.add(
        tx,
        organization_id=organization_id or tx.organization_id,
        action=act.name,
        words=act.words.format(subject=f"“{subject[:MAX_NAME]}”", **details),
        actor_id=actor.id,
        actor_name=actor.name[:MAX_NAME],
        subject_id=subject_id,
        subject_name=subject[:MAX_NAME],
        address=actor.address,
        details=details,
    )


async def record_of_account(
    tx: Transaction, act: Act, by: Actor, user_id: UUID, *, subject: str = ""
) -> None:
    """Tell every organization of this person; `subject`: their name where somebody else acts. Needs the
    system scope.
    """
    for membership in await accounts.memberships_of(tx, user_id):
        await record(
            tx,
            act,
            by,
            organization_id=membership.id,
            subject=subject,
            subject_id=user_id if subject else None,
        )


async def record_of_box(tx: Transaction, act: Act, by: Principal | Actor, **details: Any) -> None:
    """Tell what is done to the whole box; needs the system scope."""
    if isinstance(by, Principal):
        organizations = [by.organization_id]
    else:
        organizations = await accounts.organizations_of_super_admins(tx)
    for organization_id in organizations:
        await record(tx, act, by, organization_id=organization_id, **details)


def named(wish: msgspec.Struct) -> str:
    """The fields that a wish to change names, never their values: some are secrets."""
    return (
        ", ".join(name for name in wish.__struct_fields__ if getattr(wish, name) is not msgspec.UNSET)
        or "nothing"
    )
