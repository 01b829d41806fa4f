"""The worker's only way to facts: the API's worker protocol over HTTP.

A worker token that the API no longer knows is replaced by registering again; a finish is sent until it is
acknowledged.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from app.flow.messages import (
    Beat,
    Claim,
    Finish,
    Finished,
    Heartbeat,
    Job,
    Lane,
    Register,
    Registered,
    Report,
)
from app.kit.codec import decode, decode_any, encode
from app.kit.log import get_logger
from workers.parcels import Parcels
from workers.refusals import ApiAway, TokenUnknown, WrongSecret, fault_of
from workers.wire import Wire, WireBroken

log = get_logger(__name__)

PREFIX: Final = "/internal/v1"
PAUSES_S: Final = (0.1, 3.0)  # first and longest pause between tries


class Gateway:
    """The worker protocol as calls. Safe for many tasks at once."""

    def __init__(
        self,
        api_url: str,
        secret: str,
        introduce: Callable[[], Register],
        on_registered: Callable[[], None] = lambda: None,
    ) -> None:
        self._wire = Wire(api_url + PREFIX)
        self._parcels = Parcels(api_url + PREFIX)
        self._secret = secret
        self._introduce = introduce
        self._on_registered = on_registered
        self._identity: Registered | None = None
        self._registering = asyncio.Lock()

    @property
    def identity(self) -> Registered:
        """Who this worker is; there is one after `register`."""
        if self._identity is None:
            raise LookupError("the worker has not registered yet")
        return self._identity

    @property
    def former(self) -> UUID | None:
        """Who this worker is or was, as far as it knows."""
        return None if self._identity is None else self._identity.worker_id

    async def register(self) -> Registered:
        """Introduce this worker and remember its token. Raises ApiAway, WrongSecret, Refused."""
        try:
            raw = await self._send("/workers/register", encode(self._introduce()), self._secret)
        except TokenUnknown:
            raise WrongSecret from None
        self._identity = decode(raw, Registered)
        self._on_registered()
        return self._identity

    async def claim(self, lane: Lane, attempt_id: UUID | None) -> Job | None:
        """A leased job of this lane, if there is one. Raises ApiAway, Refused."""
        raw = await self._call("/claim", Claim(lane=lane, attempt_id=attempt_id))
        return decode(raw, Job) if raw else None

    async def heartbeat(self, beat: Heartbeat) -> Beat:
        """Renew every lease. Raises ApiAway, Refused."""
        return decode(await self._call("/heartbeat", beat), Beat)

    async def report(self, news: Report) -> bool:
        """Progress and logs; False when the attempt is no longer ours. Raises ApiAway, Refused."""
        answer = decode_any(await self._call("/report", news))
        return bool(answer.get("ok"))

    async def finish(self, end: Finish) -> Finished:
        """End an attempt; sent again until the API has acknowledged it, however long that takes."""
        pause_s, longest_s = PAUSES_S
        while True:
            try:
                return decode(await self._call("/finish", end), Finished)
            except ApiAway as exc:
                log.warning(
                    "result not delivered yet; trying again",
                    action="finish_retry",
                    attempt=end.attempt_id,
                    error=str(exc),
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, longest_s)

    async def leave(self) -> None:
        """Give every lease back. Raises ApiAway, Refused."""
        if self._identity is not None:
            await self._send("/workers/leave", b"{}", self._identity.token)

    async def download(self, sha256: str, path: Path) -> None:
        """The bytes of a blob into a file, however often the line breaks. The caller checks the hash.

        Raises Refused.
        """
        await self._parcels.download(sha256, path, self.identity.token)

    async def upload(self, sha256: str, path: Path, size_bytes: int) -> None:
        """Store a file under its hash, however often the line breaks. Raises Refused."""
        await self._parcels.upload(sha256, path, size_bytes, self.identity.token)

    async def close(self) -> None:
        """Give the connections back."""
        self._wire.close()
        await self._parcels.close()

    async def _call(self, path: str, message: Any) -> bytes:
        """A call with our token; registers again, once, when the API has forgotten us."""
        body = encode(message)
        async with self._registering:  # a job given to the name that is being left would wait for its lease
            token = self.identity.token
        try:
            return await self._as(token, path, body)
        except TokenUnknown:
            await self._register_again(token)
        return await self._as(self.identity.token, path, body)

    async def _as(self, token: str, path: str, body: bytes) -> bytes:
        """The answer to who we are now: what is given to who we were meanwhile is not ours any more."""
        answer = await self._send(path, body, token)
        if token != self.identity.token:
            raise ApiAway("it has given us another name meanwhile")
        return answer

    async def _register_again(self, forgotten: str) -> None:
        async with self._registering:
            if self.identity.token != forgotten:
                return  # another call was faster
            log.warning("the API does not know this worker any more; registering again", action="re_register")
            try:
                await self.register()
            except WrongSecret as exc:
                raise ApiAway("it refuses our secret") from exc

    async def _send(self, path: str, body: bytes, token: str) -> bytes:
        try:
            reply = await self._wire.call(path, body, token)
        except WireBroken as exc:
            raise ApiAway(str(exc)) from exc
        if reply.status in (200, 201, 204):
            return reply.body
        raise fault_of(reply.status, reply.body)
