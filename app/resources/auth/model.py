"""Sign-ins and their refresh tokens as rows: one session a sign-in, one refresh token alive in it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from app.kit.ids import OrganizationId, SessionId, UserId, new_id
from app.resources.accounts.tokens import SESSION_LIFE, SESSION_MAX_LIFE
from app.store.database import Transaction


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in, as its owner sees it in the list."""

    id: SessionId
    user_agent: str | None
    address: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class Shown(StrEnum):
    """What a presented refresh token turned out to be."""

    valid = "valid"
    reused = "reused"
    unknown = "unknown"


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token that someone showed."""

    verdict: Shown
    session_id: SessionId | None = None
    user_id: UserId | None = None
    organization_id: OrganizationId | None = None


async def start_session(
    tx: Transaction, user_id: UUID, organization_id: UUID, *, user_agent: str | None, address: str | None
) -> tuple[SessionId, datetime]:
    """A new sign-in; its id and the time it runs out."""
    session_id = SessionId(new_id())
    expires_at: datetime = await tx.fetch_value(
        """
        INSERT INTO sessions (id, user_id, organization_id, user_agent, address, expires_at)
        VALUES (%(id)s, %(user_id)s, %(organization_id)s, %(user_agent)s, %(address)s, now() + %(life)s)
        RETURNING expires_at
        """,
        {
            "id": session_id,
            "user_id": user_id,
            "organization_id": organization_id,
            "user_agent": user_agent and user_agent[:300],
            "address": address,
            "life": SESSION_LIFE,
        },
    )
    return session_id, expires_at


async def add_refresh_token(
    tx: Transaction, token_hash: bytes, session_id: UUID, organization_id: UUID
) -> None:
    """The token that the next refresh must show."""
    await tx.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id, organization_id) "
        "VALUES (%(token_hash)s, %(session_id)s, %(organization_id)s)",
        {"token_hash": token_hash, "session_id": session_id, "organization_id": organization_id},
    )


async def use_refresh_token(tx: Transaction, token_hash: bytes) -> Presented:
    """Spend a token. The session's row is locked, so of two at once one is the second."""
    row = await tx.fetch_one(
        """
        SELECT s.id, s.user_id, s.organization_id, t.used_at IS NOT NULL AS is_used,
               s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active AS is_alive
          FROM refresh_tokens t
          JOIN sessions s ON s.id = t.session_id
          JOIN users u ON u.id = s.user_id
         WHERE t.token_hash = %(hash)s
           FOR UPDATE OF t, s
        """,
        {"hash": token_hash},
    )
    if row is None or not row["is_alive"]:
        return Presented(verdict=Shown.unknown)
    shown = Presented(
        verdict=Shown.reused if row["is_used"] else Shown.valid,
        session_id=SessionId(row["id"]),
        user_id=UserId(row["user_id"]),
        organization_id=OrganizationId(row["organization_id"]),
    )
    if shown.verdict is Shown.reused:
        return shown
    await tx.execute(
        "UPDATE refresh_tokens SET used_at = now() WHERE token_hash = %(hash)s", {"hash": token_hash}
    )
    return shown


async def session_of_token(tx: Transaction, token_hash: bytes) -> tuple[SessionId, UserId] | None:
    """The session a refresh token belongs to, used or not, and whose it is."""
    row = await tx.fetch_one(
        "SELECT s.id, s.user_id FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id "
        "WHERE t.token_hash = %(hash)s",
        {"hash": token_hash},
    )
    return None if row is None else (SessionId(row["id"]), UserId(row["user_id"]))


async def extend_session(tx: Transaction, session_id: UUID) -> datetime:
    """A visit: the session lives on, up to its greatest age."""
    expires_at: datetime = await tx.fetch_value(
        """
        UPDATE sessions SET last_seen_at = now(),
               expires_at = least(now() + %(life)s, created_at + %(max_life)s)
         WHERE id = %(id)s RETURNING expires_at
        """,
        {"id": session_id, "life": SESSION_LIFE, "max_life": SESSION_MAX_LIFE},
    )
    return expires_at


async def revoke_session(
    tx: Transaction, session_id: UUID, because: str, user_id: UUID | None = None
) -> bool:
    """End a sign-in with all its tokens; with `user_id`, only if it is that user's."""
    return bool(
        await tx.execute(
            """
            UPDATE sessions SET revoked_at = now(), revoked_because = %(because)s
             WHERE id = %(id)s AND revoked_at IS NULL AND user_id = coalesce(%(user_id)s::uuid, user_id)
            """,
            {"id": session_id, "because": because, "user_id": user_id},
        )
    )


async def set_password(tx: Transaction, user_id: UUID, password_hash: str, keep: UUID) -> None:
    """Keep a new password and end every other sign-in; needs the system scope."""
    await tx.execute(
        "UPDATE users SET password_hash = %(hash)s WHERE id = %(id)s", {"id": user_id, "hash": password_hash}
    )
    await tx.execute(
        "UPDATE sessions SET revoked_at = now(), revoked_because = 'the password was changed' "
        "WHERE user_id = %(id)s AND id <> %(keep)s AND revoked_at IS NULL",
        {"id": user_id, "keep": keep},
    )


async def sessions_of(tx: Transaction, user_id: UUID) -> list[Session]:
    """A user's living sign-ins, newest first; needs the system scope."""
    rows = await tx.fetch_all(
        """
        SELECT id, user_agent, address, created_at, last_seen_at, expires_at FROM sessions
         WHERE user_id = %(user_id)s AND revoked_at IS NULL AND expires_at > now()
         ORDER BY id DESC LIMIT 200
        """,
        {"user_id": user_id},
    )
    return [msgspec.convert(row, Session) for row in rows]


async def last_organization(tx: Transaction, user_id: UUID) -> OrganizationId | None:
    """The organization of a user's latest sign-in."""
    found: OrganizationId | None = await tx.fetch_value(
        "SELECT organization_id FROM sessions WHERE user_id = %(user_id)s ORDER BY id DESC LIMIT 1",
        {"user_id": user_id},
    )
    return found


async def note_login(tx: Transaction, user_id: UUID, new_hash: str | None) -> None:
    """Remember the sign-in; keep the password under today's parameters if they changed."""
    await tx.execute(
        "UPDATE users SET last_login_at = now(), password_hash = coalesce(%(new_hash)s, password_hash) "
        "WHERE id = %(user_id)s",
        {"user_id": user_id, "new_hash": new_hash},
    )


async def forget_old(tx: Transaction) -> int:
    """Drop sessions that ended over a week ago and throttle rows nobody needs; how many sessions went."""
    await tx.execute("DELETE FROM throttles WHERE last_failure_at < now() - interval '1 day'")
    return await tx.execute(
        "DELETE FROM sessions "
        "WHERE expires_at < now() - interval '7 days' OR revoked_at < now() - interval '7 days'"
    )
