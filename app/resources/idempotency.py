"""The `Idempotency-Key` header as handlers take it; `app.store.idempotency.once` does the rest."""

from typing import Annotated

from litestar.params import HeaderParameter

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key", description="A repeat under the same key happens once", max_length=200
    ),
]
