"""Whom a command speaks for: a token, a person with a password, or whoever holds the keys of the box."""

import asyncio
from uuid import UUID

import click
import httpx
import msgspec

from app.admin.running.api import Refusal, SignIn
from app.admin.running.faults import Ended, Unusable
from app.kit.settings import Settings, SettingsFaults, load_settings
from app.resources.accounts import model as accounts
from app.resources.accounts.tokens import make_access_token
from app.resources.auth import model as sessions
from app.store.database import Database, Scope

TOKEN = "STUDIO_TOKEN"  # noqa: S105  the name of a setting
PASSWORD = "STUDIO_PASSWORD"  # noqa: S105  the name of a setting


class ByToken:
    """A token that somebody made and handed over; when it has run out, it has run out."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._is_used = False

    def token(self, http: httpx.Client) -> str:  # noqa: ARG002
        """The token, once."""
        if self._is_used:
            raise Ended(f"{TOKEN} is not valid, or no more; take a new one, or sign in with --email.")
        self._is_used = True
        return self._token

    def leave(self, http: httpx.Client) -> None:
        """It is not ours to end."""


class ByPassword:
    """A person of the box."""

    def __init__(self, email: str, password: str) -> None:
        self._person = {"email": email, "password": password}

    def token(self, http: httpx.Client) -> str:
        """Sign in. Raises Refusal."""
        http.headers.pop("authorization", None)
        http.cookies.clear()
        answer = http.post("/api/v1/auth/login", json=self._person)
        if answer.is_error:
            detail = str(answer.json().get("detail", "")) if answer.content.startswith(b"{") else ""
            raise Refusal(answer.status_code, detail or f"{http.base_url} does not sign us in.", None, ())
        return str(answer.json()["access_token"])

    def leave(self, http: httpx.Client) -> None:
        """Sign out."""
        http.post("/api/v1/auth/logout")


class ByKeys:
    """The operator, on the box itself: who can read its keys may act for its super admin.

    Opens a sign-in that lives as long as the command; its tokens are made here, so it has no refresh token.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: _Opened | None = None

    def token(self, http: httpx.Client) -> str:  # noqa: ARG002
        """A token of the sign-in. Raises Ended."""
        if self._session is None:
            self._session = asyncio.run(self._open())
        return make_access_token(self._settings, self._session.user_id, self._session.id)

    def leave(self, http: httpx.Client) -> None:
        """End the sign-in, so that it stands in nobody's list any more."""
        if self._session is not None:
            http.post("/api/v1/auth/logout")

    async def _open(self) -> "_Opened":
        database = Database.open(self._settings, "studio-run", pool_size=2)
        try:
            async with database.transaction(Scope.system()) as tx:
                user = await accounts.find_super_admin(tx)
                if user is None:
                    raise Ended("This box belongs to nobody yet; open the setup link that it printed.")
                last = await sessions.last_organization(tx, user.id)
                memberships = [one.id for one in await accounts.memberships_of(tx, user.id)]
                if not memberships:
                    raise Ended(f"{user.email} runs this box but belongs to no organization; use --email.")
                organization = last if last in memberships else memberships[0]
                session_id, _ = await sessions.start_session(
                    tx, user.id, organization, user_agent="studio run", address=None
                )
            return _Opened(session_id, user.id)
        finally:
            await database.close()


class _Opened(msgspec.Struct, frozen=True):
    id: UUID
    user_id: UUID


def find(url: str | None, email: str | None) -> tuple[str, SignIn]:
    """The address of the box and how to sign in there. Raises Unusable."""
    try:
        settings = load_settings()
    except SettingsFaults as exc:
        raise Unusable(*str(exc).splitlines()) from None
    address = (url or settings.api_url).rstrip("/")
    if settings.run_token is not None:
        return address, ByToken(settings.run_token)
    if email is not None:
        password = settings.run_password or click.prompt("Password", hide_input=True, err=True)
        return address, ByPassword(email, password)
    if url is not None:
        raise Unusable(
            f"Say who you are at {url}: --email with {PASSWORD} in the environment, or a token in {TOKEN}."
        )
    if settings.keys.jwt_secret_key is None or not settings.keys_dir.is_dir():
        raise Unusable(
            f"There is no box of yours at {settings.workspace}, so say which one and who you are: --url and "
            f"--email with {PASSWORD} in the environment, or a token in {TOKEN}."
        )
    return settings.api_url, ByKeys(settings)
