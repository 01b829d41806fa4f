"""What the box last found out about itself: one row a fact, for what is too slow to ask at every look.

    await noted.note(tx, "storage", kinds)
    known = (await box.see(facts.notes)).recall("storage", Kinds)     # None, or the fact with its age

The daemon notes, the checks and the metrics read. A fact that nobody refreshes grows old, and whoever reads
it judges by its age. The table belongs to the box: nothing of an organization goes in here.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from app.store.database import Row, Transaction, jsonb

T = TypeVar("T")


class Noted(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A fact, and for how long it has stood."""

    value: T
    noted_at: datetime
    age_s: float


async def note(tx: Transaction, name: str, value: Any) -> None:
    """This is how it is now."""
    await tx.execute(
        "INSERT INTO box_facts (name, value) VALUES (%(name)s, %(value)s) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, noted_at = clock_timestamp()",
        {"name": name, "value": jsonb(value)},
    )


class Notes:
    """Everything that is noted, as it stood at one moment."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {row["name"]: row for row in rows}

    @classmethod
    async def read(cls, tx: Transaction) -> "Notes":
        """All of them; there are few."""
        return cls(
            await tx.fetch_all(
                "SELECT name, value, noted_at, "
                "extract(epoch FROM clock_timestamp() - noted_at)::float8 AS age_s FROM box_facts"
            )
        )

    def recall(self, name: str, kind: type[T]) -> Noted[T] | None:
        """What was noted last; None when nothing was, or by a version that wrote it otherwise."""
        row = self._rows.get(name)
        if row is None:
            return None
        try:
            value = msgspec.convert(row["value"], kind)
        except msgspec.ValidationError:
            return None
        return Noted(value=value, noted_at=row["noted_at"], age_s=row["age_s"])
