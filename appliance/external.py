"""A database or Redis of the operator's: can it be used, and if not, what to change, in one sentence."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.kit.settings import Settings
from appliance.refusal import Refusal

if TYPE_CHECKING:
    import psycopg

PATIENCE_S = 30.0  # a Compose neighbour that starts at the same moment


def check_database(settings: Settings, waiting: Callable[[str], None], patience_s: float = PATIENCE_S) -> str:
    """Connect with DATABASE_URL and look at its login; gives what was found, for the log.

    `waiting` is told once when the server does not answer yet. Raises Refusal with the remedy.
    """
    import psycopg  # late: only this shape needs it, and it costs a fifth of a second

    deadline = time.monotonic() + patience_s
    told = False
    while True:
        try:
            with psycopg.connect(settings.database.owner_url, connect_timeout=5) as connection:
                return _judge_login(connection)
        except psycopg.Error as exc:
            reason = reason_in(str(exc))
            # What is no OperationalError is a word in the address that nobody knows.
            is_final = not isinstance(exc, psycopg.OperationalError) or _is_final(reason)
            if is_final or time.monotonic() > deadline:
                raise Refusal(
                    f"The database in DATABASE_URL cannot be used: {reason}. "
                    "Check host, port, user, password and database name of DATABASE_URL, and its sslmode, "
                    "or unset it to use the embedded Postgres."
                ) from exc
            if not told:
                waiting(
                    f"the database in DATABASE_URL does not answer yet ({reason}); I keep trying for a while"
                )
                told = True
            time.sleep(0.5)


def check_redis(settings: Settings) -> str | None:
    """None when REDIS_URL answers, else a warning: Studio starts without it and goes on when it is back."""
    from redis import Redis  # late: only this shape needs it
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry

    # Without retries of its own: this is one look.
    retry = Retry(NoBackoff(), 0)
    client = Redis.from_url(settings.redis.url, socket_timeout=3, socket_connect_timeout=3, retry=retry)
    try:
        client.ping()
    except (RedisError, OSError) as exc:
        return (
            f"the Redis in REDIS_URL cannot be used ({reason_in(str(exc))}); check host, port, password and "
            "database of REDIS_URL, and rediss:// where it wants TLS. Steps start late without it"
        )
    return None


def _judge_login(connection: "psycopg.Connection[tuple[object, ...]]") -> str:
    row = connection.execute(
        """
        SELECT current_user, split_part(version(), ' ', 2),
               current_setting('server_version_num')::int >= 150000,
               me.rolsuper OR me.rolcreaterole,
               app.rolname IS NOT NULL,
               COALESCE(app.rolsuper OR app.rolbypassrls, false),
               COALESCE(pg_has_role(current_user, app.oid, 'MEMBER'), false)
          FROM pg_roles AS me LEFT JOIN pg_roles AS app ON app.rolname = 'studio_app'
         WHERE me.rolname = current_user
        """
    ).fetchone()
    if row is None:
        raise Refusal("The login in DATABASE_URL has no role of its own; use an ordinary login.")
    user, version, is_recent, may_create, exists, is_dangerous, is_member = row
    if not is_recent:
        raise Refusal(f"The database in DATABASE_URL is Postgres {version}; Studio needs 15 or newer.")
    if is_dangerous:
        raise Refusal(
            "The role studio_app of the database in DATABASE_URL can bypass row-level security, which keeps "
            "organizations apart. As its administrator run: ALTER ROLE studio_app NOSUPERUSER NOBYPASSRLS;"
        )
    if exists and not (is_member or may_create):
        raise Refusal(
            f"The login “{user}” in DATABASE_URL may not act as studio_app. "
            f'As the database\'s administrator run: GRANT studio_app TO "{user}";'
        )
    if not exists and not may_create:
        raise Refusal(
            f"The login “{user}” in DATABASE_URL may not create the role studio_app. As the database's "
            f'administrator run: CREATE ROLE studio_app NOLOGIN; GRANT studio_app TO "{user}";'
        )
    return f"external Postgres {version}"


def reason_in(text: str) -> str:
    """The heart of libpq's message: its last part, without addresses repeated before it."""
    first = text.strip().splitlines()[0] if text.strip() else "no answer"
    return first.rsplit("FATAL:", 1)[-1].removeprefix("connection failed: ").strip().rstrip(".")


def _is_final(reason: str) -> bool:
    """Whether waiting cannot help: the server answered, and the answer was no."""
    return any(
        word in reason
        for word in (
            "authentication failed",
            "does not exist",
            "no pg_hba.conf entry",
            "no password",
            "permission",
            "does not support SSL",
            "certificate",
        )
    )
