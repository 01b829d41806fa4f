"""The tokens of a sign-in: a short access token (JWT) and a rotating refresh token, each with its own key."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import msgspec
from litestar.datastructures import Cookie

from app.kit.clock import now
from app.kit.crypto import derive, keyed_hash, new_token
from app.kit.settings import Settings
from app.resources.accounts.connection import Connection

ACCESS_COOKIE = "studio_access"
REFRESH_COOKIE = "studio_refresh"
REFRESH_PATH = "/api/v1/auth"  # the refresh cookie travels nowhere else

ACCESS_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)  # without a visit
SESSION_MAX_LIFE = timedelta(days=90)  # however often it is refreshed

ISSUER = "studio"
AUDIENCE = "studio-api"
ACCESS_TYPE = "access"


class AccessClaims(msgspec.Struct, frozen=True):
    """What a valid access token says."""

    user_id: UUID
    session_id: UUID


def make_access_token(settings: Settings, user_id: UUID, session_id: UUID) -> str:
    """A signed token that opens the API for ACCESS_LIFE, while its session lives."""
    issued = now()
    return jwt.encode(
        {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "typ": ACCESS_TYPE,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": issued,
            "exp": issued + ACCESS_LIFE,
        },
        _access_key(settings),
        algorithm="HS256",
    )


def read_access_token(settings: Settings, token: str) -> AccessClaims | None:
    """The claims of a token that is ours, of the right type and in date; None for every other."""
    try:
        claims = jwt.decode(
            token,
            _access_key(settings),
            algorithms=["HS256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "iat", "sub", "sid", "typ"]},
        )
        if claims["typ"] != ACCESS_TYPE:
            return None
        return AccessClaims(UUID(claims["sub"]), UUID(claims["sid"]))
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        return None


def make_refresh_token(settings: Settings) -> tuple[str, bytes]:
    """A new refresh token and the hash under which it is kept."""
    token = new_token("sr")
    return token, hash_refresh_token(settings, token)


def hash_refresh_token(settings: Settings, token: str) -> bytes:
    """How a refresh token is found again."""
    return keyed_hash(derive(settings.keys.require("jwt_secret_key"), "refresh-token"), token)


def session_cookies(
    connection: Connection, access_token: str, refresh_token: str, expires_at: datetime
) -> list[Cookie]:
    """Both tokens as cookies that scripts cannot read; Secure when the person came by https."""
    secure = came_by_https(connection)
    remaining_s = max(0, int((expires_at - datetime.now(UTC)).total_seconds()))
    return [
        Cookie(
            key=ACCESS_COOKIE,
            value=access_token,
            path="/",
            max_age=int(ACCESS_LIFE.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=secure,
        ),
        Cookie(
            key=REFRESH_COOKIE,
            value=refresh_token,
            path=REFRESH_PATH,
            max_age=remaining_s,
            httponly=True,
            samesite="lax",
            secure=secure,
        ),
    ]


def cleared_cookies() -> list[Cookie]:
    """What takes both cookies away again."""
    return [
        Cookie(key=ACCESS_COOKIE, value="", path="/", max_age=0, httponly=True, samesite="lax"),
        Cookie(key=REFRESH_COOKIE, value="", path=REFRESH_PATH, max_age=0, httponly=True, samesite="lax"),
    ]


def came_by_https(connection: Connection) -> bool:
    """Whether the person's browser speaks TLS, to us or to a proxy before us.

    X-Forwarded-Proto is believed for this alone: whoever forges it only makes their own cookie Secure.
    """
    forwarded = connection.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return connection.scope.get("scheme") in ("https", "wss") or forwarded == "https"


def _access_key(settings: Settings) -> str:
    return derive(settings.keys.require("jwt_secret_key"), "access-token")
