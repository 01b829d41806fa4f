"""Sign in, refresh, sign out, who am I, and the list of sign-ins."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post

from app.kit.errors import NotFound
from app.kit.settings import Settings
from app.resources.accounts import model as accounts
from app.resources.accounts.guards import public, requires
from app.resources.accounts.principal import Principal, bearer
from app.resources.accounts.roles import Role
from app.resources.accounts.tokens import ACCESS_LIFE, REFRESH_COOKIE, cleared_cookies, session_cookies
from app.resources.audit.record import Actor, record_of_account
from app.resources.auth import acts, model, service
from app.resources.auth.schemas import (
    Login,
    Me,
    OrganizationView,
    PasswordChange,
    Sessions,
    SessionView,
    SignedIn,
    UserView,
)
from app.store.database import Database, Scope

AnyRequest = Request[Any, Any, Any]


class SessionNotFound(NotFound):
    """You have no such sign-in, or it has ended."""


def signed_in(request: AnyRequest, tokens: service.Tokens, status_code: int) -> Response[SignedIn]:
    """The answer to a sign-in, in the body for programs and as cookies for browsers."""
    return Response(
        SignedIn(
            access_token=tokens.access_token,
            expires_in=int(ACCESS_LIFE.total_seconds()),
            user=UserView.of(tokens.user),
            organization=OrganizationView.of(tokens.membership),
            role=tokens.membership.role,
        ),
        status_code=status_code,
        cookies=session_cookies(request, tokens.access_token, tokens.refresh_token, tokens.expires_at),
        headers={"Cache-Control": "no-store"},
    )


class AuthController(Controller):
    """Who is here."""

    path = "/api/v1/auth"
    tags = ("auth",)

    @post("/login", operation_id="login", status_code=200, guards=[public()])
    async def login(
        self, request: AnyRequest, data: Login, database: Database, settings: Settings
    ) -> Response[SignedIn]:
        """Sign in with email address and password; slowed down after a few failures."""
        tokens = await service.log_in(database, settings, request, data.email, data.password)
        return signed_in(request, tokens, 200)

    @post("/refresh", operation_id="refreshSession", status_code=200, guards=[public()])
    async def refresh(
        self, request: AnyRequest, database: Database, settings: Settings
    ) -> Response[SignedIn]:
        """New tokens for the refresh cookie, which is spent by this. Showing a spent one ends the sign-in."""
        tokens = await service.refresh(database, settings, request, request.cookies.get(REFRESH_COOKIE))
        return signed_in(request, tokens, 200)

    @post("/logout", operation_id="logout", status_code=204, guards=[public()])
    async def logout(self, request: AnyRequest, database: Database, settings: Settings) -> Response[None]:
        """End this sign-in on the server and take its cookies away; harmless when there is none."""
        await service.log_out(database, settings, request, bearer(request))
        return Response(None, status_code=204, cookies=cleared_cookies())

    @post("/password", operation_id="changePassword", status_code=204, guards=[requires(Role.viewer)])
    async def change_password(
        self,
        *,
        request: AnyRequest,
        principal: Principal,
        data: PasswordChange,
        database: Database,
        settings: Settings,
    ) -> None:
        """A new password, for who knows the old one. Ends every other sign-in of this person."""
        await service.change_password(database, settings, request, principal, data)

    @get("/me", operation_id="getMe", guards=[requires(Role.viewer)])
    async def me(self, principal: Principal, database: Database) -> Me:
        """The signed-in person, the organization they act for, and the others they may switch to."""
        async with database.transaction(Scope.system()) as tx:
            return Me.of(principal, await accounts.memberships_of(tx, principal.user_id))

    @get("/sessions", operation_id="listSessions", guards=[requires(Role.viewer)])
    async def sessions(self, principal: Principal, database: Database) -> Sessions:
        """Every place where this person is signed in."""
        async with database.transaction(Scope.system()) as tx:
            found = await model.sessions_of(tx, principal.user_id)
        return Sessions(
            items=[
                SessionView(
                    id=one.id,
                    user_agent=one.user_agent,
                    address=one.address,
                    created_at=one.created_at,
                    last_seen_at=one.last_seen_at,
                    expires_at=one.expires_at,
                    is_current=one.id == principal.session_id,
                )
                for one in found
            ]
        )

    @delete("/sessions/{session_id:uuid}", operation_id="revokeSession", guards=[requires(Role.viewer)])
    async def revoke(
        self, request: AnyRequest, principal: Principal, database: Database, session_id: UUID
    ) -> None:
        """Sign out somewhere else."""
        async with database.transaction(Scope.system()) as tx:
            if not await model.revoke_session(tx, session_id, "revoked", user_id=principal.user_id):
                raise SessionNotFound
            user = await accounts.get_user(tx, principal.user_id)
            await record_of_account(tx, acts.SIGN_IN_ENDED, Actor.of(user, request), user.id)
