"""What a migration may not do while the version before has to run on its schema as well.

Inside a window a schema only grows: whoever goes back to the version before finds everything it knows. What
takes something away is written later, as a migration that says `sealed = "why nobody needs it any more"`.
"""

import re
from typing import Final

# Only what is said of a schema: a word in a comment or a text is no operation.
_WORDS: Final = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
_NARROWS: Final = {
    "takes a table away": r"\bDROP\s+TABLE\b",
    "takes a column away": r"\bDROP\s+COLUMN\b",
    "takes a type, view, function or schema away": r"\bDROP\s+(?:TYPE|VIEW|FUNCTION|SCHEMA)\b",
    "gives something another name": r"\bALTER\b.*\bRENAME\b",
    "asks for a value that the version before does not give": r"\bSET\s+NOT\s+NULL\b",
    "takes a default away": r"\bDROP\s+DEFAULT\b",
    "makes a column another type": r"\bALTER\s+(?:COLUMN\s+)?\w+\s+(?:SET\s+DATA\s+)?TYPE\b",
    "empties a table": r"\bTRUNCATE\b",
}
_ADDED: Final = re.compile(r"\bADD\s+COLUMN\b(.*?)(?=,\s*(?:ADD|ALTER|DROP)\b|\Z)", re.IGNORECASE | re.DOTALL)


def narrows(sql: str) -> list[str]:
    """What of this statement the version before could not live with, in words; nothing for what only adds."""
    plain = _WORDS.sub("''", sql)
    found = [words for words, form in _NARROWS.items() if re.search(form, plain, re.IGNORECASE | re.DOTALL)]
    if any(_has_to_be_given(column) for column in _ADDED.findall(plain)):
        found.append("adds a column that has to be given and has no default")
    return found


def _has_to_be_given(column: str) -> bool:
    words = column.upper()
    return "NOT NULL" in words and "DEFAULT" not in words and "GENERATED" not in words
