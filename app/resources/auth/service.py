"""Signing in, staying in, leaving."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import msgspec

from app.kit.errors import Forbidden, StudioError, Unauthorized
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.resources.accounts import model as accounts
from app.resources.accounts.connection import Connection, address_of
from app.resources.accounts.email import normal_email
from app.resources.accounts.model import Membership, User
from app.resources.accounts.principal import Principal
from app.resources.accounts.tokens import (
    ACCESS_COOKIE,
    REFRESH_COOKIE,
    hash_refresh_token,
    make_access_token,
    make_refresh_token,
    read_access_token,
)
from app.resources.audit.record import Actor, record_of_account
from app.resources.auth import acts, model
from app.resources.auth.passwords import check_password, hash_password, refuse_unfit
from app.resources.auth.schemas import PasswordChange
from app.resources.auth.throttle import ACCOUNT, ADDRESS, count_attempt, forgive
from app.store.database import Database, Scope, Transaction

log = get_logger(__name__)


_under_way: set[asyncio.Future[None]] = set()  # held until done; asyncio itself keeps no hold


class WrongCredentials(Unauthorized):
    """The email address or the password is wrong."""


class WrongPassword(Forbidden):
    """This is not your present password."""


class NoOrganization(Forbidden):
    """You are not a member of any organization."""


class RefreshRefused(Unauthorized):
    """This sign-in has ended; sign in again."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in or a refresh gives: both tokens, and whom they speak for."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    user: User
    membership: Membership

    def __repr__(self) -> str:
        return f"Tokens({self.user.id})"


async def log_in(
    database: Database, settings: Settings, connection: Connection, email: str, password: str
) -> Tokens:
    """Check a password and start a session. Raises WrongCredentials, SlowDown, NoOrganization."""
    account, address = (ACCOUNT, normal_email(email)), (ADDRESS, address_of(connection))
    await count_attempt(database, settings, account, address)
    async with database.transaction(Scope.nobody()) as tx:
        user = await accounts.find_user(tx, email)
    verdict = await check_password(password, user.password_hash if user else None)
    if user is None or not verdict.is_right or not user.is_active:
        log.info(
            "sign-in refused", action="login_refused", user=user.id if user else None, address=address[1]
        )
        _in_background(_record_refusal(database, connection, user))
        raise WrongCredentials
    await forgive(database, settings, account, address)
    async with database.transaction(Scope.system()) as tx:
        await model.note_login(tx, user.id, verdict.new_hash)
        await record_of_account(tx, acts.SIGNED_IN, Actor.of(user, connection), user.id)
        return await open_session(tx, settings, connection, user)


async def _record_refusal(database: Database, connection: Connection, user: User | None) -> None:
    """Behind the answer: written before it, it would tell by its time that there is such an account."""
    if user is None:
        return
    try:
        async with database.transaction(Scope.system()) as tx:
            await record_of_account(tx, acts.SIGN_IN_REFUSED, Actor.of(user, connection), user.id)
    except StudioError as exc:
        log.warning("a refused sign-in was not written down", action="audit_lost", error=str(exc))


def _in_background(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def open_session(tx: Transaction, settings: Settings, connection: Connection, user: User) -> Tokens:
    """A new session for someone who has proved who they are; needs the system scope."""
    memberships = await accounts.memberships_of(tx, user.id)
    if not memberships:
        raise NoOrganization(remedy="Ask an owner or admin of an organization to add you.")
    last = await model.last_organization(tx, user.id)
    membership = next((one for one in memberships if one.id == last), memberships[0])
    session_id, expires_at = await model.start_session(
        tx,
        user.id,
        membership.id,
        user_agent=connection.headers.get("user-agent"),
        address=address_of(connection),
    )
    refresh_token, token_hash = make_refresh_token(settings)
    await model.add_refresh_token(tx, token_hash, session_id, membership.id)
    log.info("signed in", action="login", user=user.id, session=session_id)
    return Tokens(
        access_token=make_access_token(settings, user.id, session_id),
        refresh_token=refresh_token,
        expires_at=expires_at,
        user=user,
        membership=membership,
    )


async def refresh(
    database: Database, settings: Settings, connection: Connection, token: str | None
) -> Tokens:
    """Spend a refresh token for new tokens. A token shown twice ends the sign-in: one of the two who held it
    was a thief. Raises RefreshRefused.
    """
    if not token:
        raise RefreshRefused("There is no refresh token; sign in again.")
    tokens: Tokens | None = None
    async with database.transaction(Scope.system()) as tx:
        shown = await model.use_refresh_token(tx, hash_refresh_token(settings, token))
        if shown.verdict is model.Shown.valid:
            tokens = await _rotate(tx, settings, shown)
        elif shown.verdict is model.Shown.reused and shown.session_id is not None:
            # Committed, not raised here: the refusal must outlive this transaction.
            await model.revoke_session(tx, shown.session_id, "a refresh token was shown twice")
            if shown.user_id is not None:
                user = await accounts.get_user(tx, shown.user_id)
                await record_of_account(tx, acts.TOKEN_REUSED, Actor.of(user, connection), user.id)
            log.warning(
                "a refresh token was shown twice; its sign-in is revoked",
                action="refresh_reuse",
                user=shown.user_id,
                session=shown.session_id,
            )
    if tokens is None:
        raise RefreshRefused
    return tokens


async def _rotate(tx: Transaction, settings: Settings, shown: model.Presented) -> Tokens | None:
    if shown.session_id is None or shown.user_id is None or shown.organization_id is None:
        return None
    user = await accounts.get_user(tx, shown.user_id)
    memberships = await accounts.memberships_of(tx, shown.user_id)
    membership = next((one for one in memberships if one.id == shown.organization_id), None)
    if membership is None:
        await model.revoke_session(tx, shown.session_id, "no longer a member of the organization")
        return None
    expires_at = await model.extend_session(tx, shown.session_id)
    refresh_token, token_hash = make_refresh_token(settings)
    await model.add_refresh_token(tx, token_hash, shown.session_id, shown.organization_id)
    return Tokens(
        access_token=make_access_token(settings, user.id, shown.session_id),
        refresh_token=refresh_token,
        expires_at=expires_at,
        user=user,
        membership=membership,
    )


async def change_password(
    database: Database,
    settings: Settings,
    connection: Connection,
    principal: Principal,
    change: PasswordChange,
) -> None:
    """A new password for someone who knows the old one; every other sign-in ends.

    Raises WrongCredentials, SlowDown, PasswordUnfit.
    """
    await refuse_unfit(change.new, principal.email, principal.name, field="new")
    user = await confirm_password(database, settings, connection, principal, change.current)
    new_hash = await hash_password(change.new)
    async with database.transaction(Scope.system()) as tx:
        await model.set_password(tx, principal.user_id, new_hash, keep=principal.session_id)
        await record_of_account(tx, acts.PASSWORD_CHANGED, Actor.of(user, connection), user.id)
    log.info("password changed", action="password_changed", user=principal.user_id)


async def confirm_password(
    database: Database, settings: Settings, connection: Connection, principal: Principal, password: str
) -> User:
    """Someone who is signed in says again who they are. Raises WrongPassword, SlowDown."""
    account, address = (ACCOUNT, principal.email), (ADDRESS, address_of(connection))
    await count_attempt(database, settings, account, address)
    async with database.transaction(Scope.nobody()) as tx:
        user = await accounts.get_user(tx, principal.user_id)
    if not (await check_password(password, user.password_hash)).is_right:
        raise WrongPassword
    await forgive(database, settings, account, address)
    return user


async def log_out(database: Database, settings: Settings, connection: Connection, bearer: str | None) -> None:
    """End the sign-in behind whatever token came along; harmless when it has ended already."""
    access = bearer or connection.cookies.get(ACCESS_COOKIE)
    claims = read_access_token(settings, access) if access else None
    refresh_token = connection.cookies.get(REFRESH_COOKIE)
    async with database.transaction(Scope.system()) as tx:
        signed_in = {(claims.session_id, claims.user_id)} if claims is not None else set()
        if refresh_token:
            found = await model.session_of_token(tx, hash_refresh_token(settings, refresh_token))
            signed_in |= {found} if found is not None else set()
        for session_id, user_id in signed_in:
            if await model.revoke_session(tx, session_id, "signed out", user_id=user_id):
                user = await accounts.get_user(tx, user_id)
                await record_of_account(tx, acts.SIGNED_OUT, Actor.of(user, connection), user_id)
