"""Who is asking: read from the request once, by one way for every header form.

A bearer access token or the access cookie names a sign-in. That the sign-in is alive, the user active and
the membership still there is asked of the database at every request: a logout or a removal counts at once.
"""

from uuid import UUID

import msgspec

from app.kit.errors import Forbidden, Malformed, Unauthorized
from app.kit.ids import OrganizationId, SessionId, UserId
from app.kit.settings import Settings
from app.resources.accounts.connection import Connection, address_of
from app.resources.accounts.origin import refuse_foreign_origin
from app.resources.accounts.roles import Role
from app.resources.accounts.tokens import ACCESS_COOKIE, AccessClaims, read_access_token
from app.store.database import Database, Scope

ORGANIZATION_HEADER = "studio-organization"


class NotSignedIn(Unauthorized):
    """Sign in to do this."""


class SignInEnded(Unauthorized):
    """This sign-in has ended; sign in again."""


class NotAMember(Forbidden):
    """You are not a member of this organization."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in person of this request, in the organization they act for."""

    user_id: UserId
    email: str
    name: str
    is_super_admin: bool
    organization_id: OrganizationId
    organization_name: str
    organization_slug: str
    role: Role
    session_id: SessionId
    address: str | None = None  # where this request comes from

    @property
    def called(self) -> str:
        """How others know this person."""
        return self.name or self.email

    @property
    def scope(self) -> Scope:
        """What this person's transactions may see."""
        return Scope.organization(self.organization_id)


def bearer(connection: Connection) -> str | None:
    """The token of an Authorization header, None without one. Raises for any other scheme."""
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn("Only “Authorization: Bearer <token>” is understood here.")
    return token.strip()


async def read_principal(connection: Connection) -> Principal:
    """The person behind a request. Raises NotSignedIn, SignInEnded, NotAMember."""
    settings: Settings = connection.app.state.settings
    database: Database = connection.app.state.database
    token = bearer(connection)
    if token is None:
        token = connection.cookies.get(ACCESS_COOKIE)
        if token is None:
            raise NotSignedIn
        refuse_foreign_origin(connection, settings)
    claims = read_access_token(settings, token)
    if claims is None:
        raise SignInEnded("Your access token is not valid or has run out; refresh it or sign in again.")
    principal = await _look_up(database, claims, _wanted_organization(connection))
    return msgspec.structs.replace(principal, address=address_of(connection))


def _wanted_organization(connection: Connection) -> UUID | None:
    text = connection.headers.get(ORGANIZATION_HEADER)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Malformed("The header Studio-Organization is not an id.") from None


async def _look_up(database: Database, claims: AccessClaims, wanted: UUID | None) -> Principal:
    async with database.transaction(Scope.system()) as tx:
        row = await tx.fetch_one(
            """
            SELECT s.id AS session_id, u.id AS user_id, u.email, u.name, u.is_super_admin,
                   m.role, o.id AS organization_id, o.name AS organization_name, o.slug AS organization_slug
              FROM sessions s
              JOIN users u ON u.id = s.user_id AND u.is_active
              LEFT JOIN memberships m ON m.user_id = u.id
                    AND m.organization_id = coalesce(%(wanted)s::uuid, s.organization_id)
              LEFT JOIN organizations o ON o.id = m.organization_id
             WHERE s.id = %(session_id)s AND s.user_id = %(user_id)s
               AND s.revoked_at IS NULL AND s.expires_at > now()
            """,
            {"session_id": claims.session_id, "user_id": claims.user_id, "wanted": wanted},
        )
    if row is None:
        raise SignInEnded
    if row["role"] is None:
        raise NotAMember
    return msgspec.convert(row, Principal)
