"""Passwords: argon2id, in a thread, never two answers in different time for known and unknown users."""

import asyncio

import msgspec
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.kit.errors import Complaint, Invalid

MIN_LETTERS = 8
MAX_LETTERS = 256  # longer ones only cost time

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


def refuse_unfit(password: str, field: str = "password") -> None:
    """Raises PasswordUnfit. Length is what counts, not kinds of letters (NIST SP 800-63B §3.1.1.2)."""
    if not MIN_LETTERS <= len(password) <= MAX_LETTERS:
        raise PasswordUnfit(
            f"A password has {MIN_LETTERS} to {MAX_LETTERS} letters.",
            complaints=[
                Complaint(
                    field=field, message=f"write {MIN_LETTERS} to {MAX_LETTERS} letters, signs or blanks"
                )
            ],
        )


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
