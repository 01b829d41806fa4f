"""What people read: plurals that are right and one word for one thing, in every source that speaks."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SPEAKING = [
    *(path for floor in ("app", "appliance", "workers") for path in sorted((ROOT / floor).rglob("*.py"))),
    *sorted((ROOT / "app" / "ui" / "src").rglob("messages.ts")),
]
SOURCES = [path for path in SPEAKING if "node_modules" not in path.parts]


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        # Not http(s), which says both at once.
        (r"\b(?!https?\b)[a-z]{3,}\(s\)", "a plural that follows the number (`count`, or `tn` in the UI)"),
        (r"(?i)(?<!e)\bmail address", "email address"),
    ],
)
def test_no_source_speaks_like_a_form_of_the_tax_office(word: str, instead: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(word, line) and "app/ui/node_modules" not in str(path)
    ]
    assert found == [], f"write {instead}"
