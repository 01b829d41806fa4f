"""Slows down guessing, per account and per address, in Postgres so that a lost Redis opens nothing.

An attempt is counted before its password is looked at, in one statement, so that a hundred at once count as
a hundred. Success takes the count of the account away again.
"""

import msgspec

from app.flow.wording import count
from app.kit.crypto import derive, keyed_hash
from app.kit.errors import TooManyRequests
from app.kit.settings import Settings
from app.store.database import Database, Scope

FORGET_S = 900  # a quiet quarter of an hour starts the count anew
LONGEST_WAIT_S = 300  # a stranger must not be able to lock someone out for long


class Limit(msgspec.Struct, frozen=True):
    """How many failures are free for one thing; each further one doubles the wait, from a second on."""

    what: str
    free: int


ACCOUNT = Limit("account", free=5)
ADDRESS = Limit("address", free=30)  # an office or a proxy shares one address
SETUP = Limit("setup", free=5)


class SlowDown(TooManyRequests):
    """Too many failed attempts."""


def key_of(settings: Settings, limit: Limit, value: str) -> bytes:
    """The row of one account or address; hashed, so that the table tells nobody who tried."""
    return keyed_hash(derive(settings.keys.require("jwt_secret_key"), "throttle"), f"{limit.what}:{value}")


async def count_attempt(database: Database, settings: Settings, *subjects: tuple[Limit, str]) -> None:
    """Count one attempt for each subject. Raises SlowDown, with Retry-After, while one of them must wait.

    Its own transaction: the count stays whatever becomes of the attempt.
    """
    wait_s = 0.0
    async with database.transaction(Scope.nobody()) as tx:
        for limit, value in subjects:
            row = await tx.fetch_one(
                """
                INSERT INTO throttles AS t (key, failures) VALUES (%(key)s, 1)
                ON CONFLICT (key) DO UPDATE SET
                    failures = CASE
                        WHEN t.last_failure_at < now() - make_interval(secs => %(forget_s)s) THEN 1
                        WHEN t.blocked_until > now() THEN t.failures
                        ELSE t.failures + 1 END,
                    last_failure_at = CASE WHEN t.blocked_until > now() THEN t.last_failure_at ELSE now() END,
                    blocked_until = CASE
                        WHEN t.blocked_until > now() THEN t.blocked_until
                        WHEN t.last_failure_at < now() - make_interval(secs => %(forget_s)s) THEN NULL
                        WHEN t.failures + 1 >= %(free)s THEN now() + make_interval(
                            secs => least(2 ^ least(t.failures + 1 - %(free)s, 20), %(longest_s)s))
                        ELSE NULL END
                RETURNING failures, extract(epoch FROM blocked_until - now())::float8 AS wait_s,
                          last_failure_at = now() AS is_counted
                """,
                {
                    "key": key_of(settings, limit, value),
                    "free": limit.free,
                    "forget_s": FORGET_S,
                    "longest_s": LONGEST_WAIT_S,
                },
            )
            if row is not None and not row["is_counted"]:
                wait_s = max(wait_s, row["wait_s"] or 0.0)
    if wait_s > 0:
        seconds = int(wait_s) + 1
        raise SlowDown(
            f"Too many failed attempts; try again in {count(seconds, 'second')}.",
            headers={"Retry-After": str(seconds)},
        )


async def forgive(
    database: Database, settings: Settings, account: tuple[Limit, str], address: tuple[Limit, str]
) -> None:
    """A success: the account starts anew, the address gets its one attempt back."""
    async with database.transaction(Scope.nobody()) as tx:
        await tx.execute("DELETE FROM throttles WHERE key = %(key)s", {"key": key_of(settings, *account)})
        await tx.execute(
            "UPDATE throttles SET failures = greatest(failures - 1, 0) WHERE key = %(key)s",
            {"key": key_of(settings, *address)},
        )
