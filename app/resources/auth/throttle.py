"""Slows down guessing, per account and per address, in Postgres so that a lost Redis opens nothing.

An attempt is counted before its password is looked at, in one statement, so that a hundred at once count as
a hundred. Success takes the count of the account away again.
"""

from ipaddress import ip_address, ip_network

import msgspec

from app.flow.wording import count
from app.kit.crypto import derive, keyed_hash
from app.kit.errors import TooManyRequests
from app.kit.settings import Settings
from app.resources.accounts.connection import Connection
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


# Loopback and the private networks: RFC 1918, carrier-grade NAT, link-local, unique local.
NEIGHBOURS = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


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


def address_of(connection: Connection) -> str:
    """The person's address, as far as it can be known.

    A forwarded address is believed only from a neighbour: this machine's tunnel, a proxy on a private network
    (RunPod, Compose, Kubernetes). Its last hop is the one the neighbour wrote; those before are anybody's
    claim. Without this, everybody behind a proxy would share one count, and one stranger could stop them all.
    """
    peer = connection.client.host if connection.client else "unknown"
    try:
        is_neighbour = any(ip_address(peer) in network for network in NEIGHBOURS)
    except ValueError:
        return peer
    if not is_neighbour:
        return peer
    settings: Settings = connection.app.state.settings
    # Any other proxy hands on what a stranger wrote into Cloudflare's header.
    named = connection.headers.get("cf-connecting-ip") if settings.behind_cloudflare else None
    forwarded = named or connection.headers.get("x-forwarded-for") or ""
    return forwarded.rsplit(",", maxsplit=1)[-1].strip()[:64] or peer
