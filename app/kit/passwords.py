"""What makes a password unfit: its length, and how soon somebody who guesses would come to it.

No rules about kinds of letters: they make people write Password1! (NIST SP 800-63B §3.1.1.2). zxcvbn knows
the common passwords, names, keyboard walks, dates and their usual disguises, and counts the guesses needed.
"""

import threading
from collections.abc import Iterable

MIN_LETTERS = 8
MAX_LETTERS = 256  # longer ones only cost time

# What the throttle of the sign-in lets through in a decade, and then some.
_FEWEST_GUESSES = 1_000_000
# Counting takes at worst 0.4 s for so many letters, minutes for 256; what follows only makes guessing harder.
_JUDGED_LETTERS = 24
# zxcvbn keeps what is known of one person where the next call finds it.
_turn = threading.Lock()

REMEDY = "Use a sentence of your own, or let a password manager make one."


def weakness(password: str, known: Iterable[str] = ()) -> str | None:
    """Why this may not be somebody's password, as what follows “it …”; None when it may.

    `known`: what others know of the person, such as the email address and the name.
    """
    if not MIN_LETTERS <= len(password) <= MAX_LETTERS:
        return f"must have {MIN_LETTERS} to {MAX_LETTERS} letters, signs or blanks"
    facts = [fact.strip().lower() for fact in known if fact.strip()]
    if password.strip().lower() in facts:
        return "must not be your email address or your name"
    # Its word lists take 14 MB, in a process that only now needs them.
    from zxcvbn import zxcvbn

    words = {word for fact in facts for word in (fact, *fact.replace("@", " ").split())}
    with _turn:
        guesses = zxcvbn(password[:_JUDGED_LETTERS], user_inputs=sorted(words))["guesses"]
    return "is one of the first that somebody would guess" if guesses < _FEWEST_GUESSES else None
