"""Where a value stands in JSON text, so that a complaint can name line and column as a compiler does."""

import re
from collections.abc import Iterator
from typing import Final

from app.kit.errors import Complaint

Path = tuple[str | int, ...]

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def place_of(text: str, complaint: Complaint, before: Path = ()) -> tuple[int, int]:
    """Line and column, both from 1, of what the complaint is about, or of what is nearest around it.

    `before`: where in the text the document lies, `("definition",)` in an exported file.
    """
    starts = dict(_starts(text))
    path = (*before, *_path_of(text, starts, complaint, before))
    while path not in starts and path:
        path = path[:-1]
    start = starts.get(path, 0)
    return text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1


def _path_of(text: str, starts: dict[Path, int], complaint: Complaint, before: Path) -> Path:
    field: Path = tuple(
        int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", complaint.field or "")
    )
    if complaint.node is None:
        return field
    count = len(before)
    for path, start in starts.items():
        if path[count : count + 1] == ("nodes",) and path[count + 2 :] == ("id",):
            written = text[start:].partition("\n")[0]
            if written.startswith(f'"{complaint.node}"'):
                return (*path[count:-1], *field)
    return ("nodes",)


def _starts(text: str) -> Iterator[tuple[Path, int]]:
    """Every value of a JSON text by its path, with the offset it starts at."""
    open_paths: list[tuple[Path, bool]] = []  # the containers around here; True: an object
    path: Path = ()
    key: str | None = None
    count = [0]
    awaits_value = True
    for match in _TOKEN.finditer(text):
        word = match.group()
        match word:
            case "}" | "]":
                open_paths.pop()
                count.pop()
                awaits_value = False
            case ",":
                count[-1] += 1
                awaits_value = not open_paths[-1][1]
            case ":":
                awaits_value = True
            case _ if not awaits_value:
                key = word[1:-1]
            case _:
                if open_paths:
                    container, is_object = open_paths[-1]
                    path = (*container, key if is_object and key is not None else count[-1])
                yield path, match.start()
                if word in "{[":
                    open_paths.append((path, word == "{"))
                    count.append(0)
                    awaits_value = word == "["
                else:
                    awaits_value = False
