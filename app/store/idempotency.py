"""`Idempotency-Key`: a call that is sent twice happens once and gets the same answer.

The key's row, the effect and the stored answer are one transaction. A second call with the same key waits
for the first one's commit at the row's unique index, then gets its answer; after a rollback it goes ahead.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from app.kit.codec import encode
from app.kit.errors import Complaint, Invalid
from app.store.database import Transaction, jsonb

T = TypeVar("T")

KEEP_HOURS = 24  # a client that repeats a call later than this gets a second effect
MAX_KEY_LETTERS = 200


class KeyUsedOtherwise(Invalid):
    """This Idempotency-Key was used for another call; use a new key for each thing you do."""


class KeyUnfit(Invalid):
    """An Idempotency-Key has 1 to 200 letters."""


async def once(
    tx: Transaction,
    user_id: UUID,
    key: str | None,
    request: Any,
    *,
    effect: Callable[[], Awaitable[T]],
    into: type[T],
) -> T:
    """Run `effect` unless this user has done so under this key; then give the first answer again.

    `request` is everything the effect depends on, the name of the call included: the same key with another
    request raises KeyUsedOtherwise. Without a key the effect simply runs. Needs an organization's scope.
    """
    if key is None:
        return await effect()
    if not 1 <= len(key) <= MAX_KEY_LETTERS:
        raise KeyUnfit(complaints=[Complaint(field="Idempotency-Key", message="write 1 to 200 letters")])
    mark = hashlib.sha256(encode(request)).digest()
    place = {"organization_id": tx.organization_id, "user_id": user_id, "key": key}
    is_first = await tx.execute(
        "INSERT INTO idempotency_keys (organization_id, user_id, key, request_hash) "
        "VALUES (%(organization_id)s, %(user_id)s, %(key)s, %(mark)s) ON CONFLICT DO NOTHING",
        {**place, "mark": mark},
    )
    where = "organization_id = %(organization_id)s AND user_id = %(user_id)s AND key = %(key)s"
    if not is_first:
        row = await tx.fetch_one(
            f"SELECT request_hash, answer FROM idempotency_keys WHERE {where}",  # noqa: S608  a constant
            place,
        )
        if row is None or row["request_hash"] != mark:
            raise KeyUsedOtherwise
        return msgspec.convert(row["answer"], into)
    answer = await effect()
    await tx.execute(
        f"UPDATE idempotency_keys SET answer = %(answer)s WHERE {where}",  # noqa: S608  a constant
        {**place, "answer": jsonb(answer)},
    )
    return answer


async def forget_old_keys(tx: Transaction) -> int:
    """Drop keys that nobody will repeat any more; how many."""
    return await tx.execute(
        "DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => %(hours)s)",
        {"hours": KEEP_HOURS},
    )
