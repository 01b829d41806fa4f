"""What the API's refusals mean to a worker."""

from typing import Final

from app.kit.codec import decode_any

TRY_AGAIN: Final = frozenset({408, 425, 429})


class ApiAway(Exception):
    """The API does not answer, or says it cannot right now; try again."""


class WrongSecret(Exception):
    """The API knows another WORKER_SHARED_SECRET than we do."""


class Refused(Exception):
    """The API understood the call and will not do it; trying again changes nothing."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        super().__init__(f"{status}: {detail}")


class TokenUnknown(ApiAway):
    """The API does not know this worker (any more); it has to register again."""


def fault_of(status: int, body: bytes) -> Exception:
    """The exception for an answer that is no success."""
    if status == 401:
        return TokenUnknown("it does not know this worker")
    if status >= 500 or status in TRY_AGAIN:
        return ApiAway(f"it answered {status}")
    try:
        detail = str(decode_any(body).get("detail", ""))
    except (ValueError, AttributeError):
        detail = ""
    return Refused(status, detail or "no reason given")
