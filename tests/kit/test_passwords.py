"""Passwords: what is guessed first is refused, what a person can remember is not."""

import pytest

from app.kit.passwords import MAX_LETTERS, weakness

ADA = ("ada@example.org", "Ada Lovelace", "Analytical")


@pytest.mark.parametrize("password", ["aaaaaaaa", "12345678", "password1", "Password1!", "qwertzuiop"])
def test_what_everybody_guesses_first_is_refused(password: str) -> None:
    assert weakness(password) == "is one of the first that somebody would guess"


@pytest.mark.parametrize("password", ["ADA@example.org", "ada@example.org1", "Lovelace", "analytical1"])
def test_what_others_know_of_a_person_is_no_password(password: str) -> None:
    assert weakness(password, ADA) is not None


@pytest.mark.parametrize(
    "password", ["a long walk by the sea", "correct horse", "tr0ub4dor&3", "我的密码是很长的"]
)
def test_a_sentence_or_a_random_word_is_fine(password: str) -> None:
    assert weakness(password, ADA) is None


def test_a_password_has_bounds() -> None:
    assert (
        weakness("short") == weakness("long " * MAX_LETTERS) == "must have 8 to 256 letters, signs or blanks"
    )
    assert weakness("a long walk by the sea" + "!" * (MAX_LETTERS - 22)) is None
