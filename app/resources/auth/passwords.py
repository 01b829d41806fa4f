"""Passwords: argon2id, in a thread, never two answers in different time for known and unknown users."""

import asyncio

import msgspec
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.kit.errors import Complaint, Invalid
from app.kit.passwords import MAX_LETTERS, REMEDY, weakness

_hasher = PasswordHash((Argon2Hasher(),))
# One hash takes 64 MiB and both cores for some 50 ms; more at once would starve everything else.
_turn = asyncio.Semaphore(2)
_nobody: list[str] = []  # a hash to compare with when there is no such user, made at first use


class PasswordUnfit(Invalid):
    """Choose another password."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether a password is right; `new_hash` when it should be kept with today's parameters."""

    is_right: bool
    new_hash: str | None = None


async def refuse_unfit(password: str, *known: str, field: str = "password") -> None:
    """Raises PasswordUnfit. `known`: what others know of the person, as the email address and the name.

    Only for a new password: one that is kept stays good, whatever is asked of new ones later.
    """
    reason = await asyncio.to_thread(weakness, password, known)
    if reason is not None:
        complaint = Complaint(field=field, message=f"It {reason}. {REMEDY}")
        raise PasswordUnfit(f"The password {reason}.", remedy=REMEDY, complaints=[complaint])


async def hash_password(password: str) -> str:
    """What is kept of a password."""
    async with _turn:
        return await asyncio.to_thread(_hasher.hash, password)


async def check_password(password: str, kept: str | None) -> Verdict:
    """Compare; without a kept hash (unknown user) it takes as long and says no."""
    if not _nobody:
        _nobody.append(await hash_password("nobody's password"))
    async with _turn:
        try:
            is_right, new_hash = await asyncio.to_thread(
                _hasher.verify_and_update, password[: MAX_LETTERS + 1], kept or _nobody[0]
            )
        except UnknownHashError:
            return Verdict(False)
    return Verdict(is_right and kept is not None, new_hash)
