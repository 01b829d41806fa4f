"""The one row about this installation: is it claimed, and by which token may it be."""

from datetime import datetime

import msgspec

from app.store.database import Transaction


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the claim."""

    claimed_at: datetime | None
    setup_token_hash: bytes | None

    @property
    def is_claimed(self) -> bool:
        """Whether somebody runs this box already."""
        return self.claimed_at is not None


async def ensure_box(tx: Transaction) -> None:
    """The row exists; harmless to repeat."""
    await tx.execute("INSERT INTO box (id) VALUES (1) ON CONFLICT DO NOTHING")


async def read_box(tx: Transaction) -> Box:
    """The row as it is; a box that was never seeded is not claimed and has no token."""
    row = await tx.fetch_one("SELECT claimed_at, setup_token_hash FROM box WHERE id = 1")
    if row is None:
        return Box(claimed_at=None, setup_token_hash=None)
    return Box(claimed_at=row["claimed_at"], setup_token_hash=row["setup_token_hash"])


async def lock_box(tx: Transaction) -> Box:
    """The row, held until the end of the transaction: of two who claim at once, one is the second."""
    await ensure_box(tx)
    await tx.execute("SELECT FROM box WHERE id = 1 FOR UPDATE")
    return await read_box(tx)


async def set_token(tx: Transaction, token_hash: bytes) -> None:
    """The token that may claim the box; an earlier one is void."""
    await tx.execute("UPDATE box SET setup_token_hash = %(hash)s WHERE id = 1", {"hash": token_hash})


async def mark_claimed(tx: Transaction) -> None:
    """Claimed for good; the token is void."""
    await tx.execute("UPDATE box SET claimed_at = now(), setup_token_hash = NULL WHERE id = 1")
