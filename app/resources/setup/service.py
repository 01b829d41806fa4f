"""Claiming a box: the first person becomes its super admin and the owner of its first organization."""

import msgspec

from app.flow.catalog import Catalog
from app.kit.blobs import BlobFolder
from app.kit.crypto import derive, keyed_hash, new_token, same
from app.kit.errors import Conflict, Forbidden
from app.kit.ids import new_id
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.resources.accounts import model as accounts
from app.resources.accounts.model import User
from app.resources.accounts.roles import Role
from app.resources.audit.record import Actor, record
from app.resources.auth.passwords import hash_password, refuse_unfit
from app.resources.setup import acts, model
from app.resources.workflows import samples
from app.store.database import Database, Scope, Transaction

log = get_logger(__name__)


class AlreadyClaimed(Conflict):
    """This box is claimed already; sign in instead."""


class WrongSetupToken(Forbidden):
    """This is not the setup token of this box."""


class Founder(msgspec.Struct, frozen=True, kw_only=True):
    """The first person and their organization; empty names get sensible ones."""

    email: str
    password: str
    name: str = ""
    organization: str = ""

    def __repr__(self) -> str:
        return "Founder(****)"


async def is_claimed(database: Database) -> bool:
    """Whether somebody runs this box already."""
    async with database.transaction(Scope.nobody()) as tx:
        return (await model.read_box(tx)).is_claimed


async def renew_token(database: Database, settings: Settings) -> str | None:
    """A fresh setup token, making earlier ones void; None when the box is claimed."""
    token = new_token("setup", size_bytes=18)
    async with database.transaction(Scope.nobody()) as tx:
        if (await model.lock_box(tx)).is_claimed:
            return None
        await model.set_token(tx, hash_setup_token(settings, token))
    return token


async def claim(
    database: Database,
    settings: Settings,
    blobs: BlobFolder,
    catalog: Catalog,
    *,
    founder: Founder,
    token: str | None,
) -> User:
    """Make the founder, the organization and the sample workflow, once.

    `token` is None only when whoever set ADMIN_EMAIL claims. Raises AlreadyClaimed, WrongSetupToken,
    PasswordUnfit.
    """
    if token is not None:  # the settings have judged ADMIN_PASSWORD, each environment in its own way
        await refuse_unfit(founder.password, founder.email, founder.name, founder.organization)
    async with database.transaction(Scope.nobody()) as tx:
        _refuse(await model.read_box(tx), settings, token)
    # Before the transaction: hashing and drawing take their time.
    password_hash = await hash_password(founder.password)
    photos = await samples.store_photos(blobs)
    async with database.transaction(Scope.organization(new_id())) as tx:
        _refuse(await model.lock_box(tx), settings, token)
        user = await _found(tx, founder, password_hash)
        await model.mark_claimed(tx)
        await samples.install(tx, catalog, blobs, photos, user.id)
        await record(tx, acts.CLAIMED, Actor(id=user.id, name=user.name))
    log.info("box claimed", action="claimed", user=user.id)
    return user


def hash_setup_token(settings: Settings, token: str) -> bytes:
    """How the setup token is kept."""
    return keyed_hash(derive(settings.keys.require("jwt_secret_key"), "setup-token"), token)


def _refuse(box: model.Box, settings: Settings, token: str | None) -> None:
    if box.is_claimed:
        raise AlreadyClaimed
    if token is not None and not same(hash_setup_token(settings, token), box.setup_token_hash or b""):
        raise WrongSetupToken(
            remedy="Use the link in the log of this start; each start of an unclaimed box prints a new one."
        )


async def _found(tx: Transaction, founder: Founder, password_hash: str) -> User:
    name = founder.name.strip() or founder.email.strip().split("@")[0]
    organization = await accounts.add_organization(tx, founder.organization.strip() or f"{name}’s studio")
    user = await accounts.add_user(
        tx, email=founder.email, name=name, password_hash=password_hash, is_super_admin=True
    )
    await accounts.add_membership(tx, organization.id, user.id, Role.owner)
    return user
