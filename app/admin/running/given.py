"""`--input name=value` into the values of a run, by the types the workflow declares.

title=Our trip              text as it stands; @notes.txt reads it from a file, @@x is the text “@x”
count=3   loud=true         numbers and booleans
options={"a": 1}            JSON for json, vectors and lists; @options.json reads it from a file
photo=@picture.jpg          a file to upload; asset:<id> one that is there
photos=@a.jpg photos=@b.jpg lists: once an item; "photos=@holiday/*.jpg" takes what matches, by name
"""

import glob
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from app.admin.running.faults import listed
from app.flow.port_rules import is_file, item_of
from app.flow.wording import say_type, suggestion


class Upload(msgspec.Struct, frozen=True):
    """A file of this machine that is to be an asset first."""

    path: Path


class _Fault(Exception):
    """What is wrong with one value."""


def read_inputs(declared: Mapping[str, Any], pairs: Sequence[str]) -> dict[str, Any]:
    """The values by name, files as `Upload`. Raises Unusable with every fault."""
    faults: list[str] = []
    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            faults.append(f"--input {pair}: write it as name=value.")
        elif name not in declared:
            hint = suggestion(name, declared) or (" It has none." if not declared else "")
            faults.append(f"--input {name}: the workflow has no such input.{hint}")
        else:
            texts.setdefault(name, []).append(text)
    values = {}
    for name, given in texts.items():
        kind = declared[name].get("type") if isinstance(declared[name], dict) else None
        try:
            values[name] = _value(given, kind if isinstance(kind, str) else "text")
        except _Fault as fault:
            faults.append(f"--input {name}: {fault}")
    if faults:
        raise listed(faults)
    return values


def uploads_in(values: Mapping[str, Any]) -> list[Path]:
    """The files to upload, each once."""
    flat = [one for value in values.values() for one in (value if isinstance(value, list) else [value])]
    return list(dict.fromkeys(one.path for one in flat if isinstance(one, Upload)))


def with_assets(values: Mapping[str, Any], assets: Mapping[Path, str]) -> dict[str, Any]:
    """The values with every upload replaced by the asset it became."""

    def settled(value: Any) -> Any:
        if isinstance(value, Upload):
            return {"asset": assets[value.path]}
        return [settled(one) for one in value] if isinstance(value, list) else value

    return {name: settled(value) for name, value in values.items()}


def _value(given: Sequence[str], kind: str) -> Any:
    if is_file(kind):
        return _one([one for text in given for one in _files(text)], kind)
    item = kind.removesuffix("[]")
    if is_file(item):
        return [one for text in given for one in _files(text)]
    if item_of(kind) is None or kind == "json":
        return _scalar(_one(given, kind), kind)
    if len(given) == 1 and _content(given[0]).lstrip().startswith("["):
        return _scalar(given[0], "json")
    return [_scalar(text, item_of(kind) or "json") for text in given]


def _one(values: Sequence[Any], kind: str) -> Any:
    if len(values) != 1:
        raise _Fault(f"it takes {say_type(kind)}, and there are {len(values)}.")
    return values[0]


def _scalar(text: str, kind: str) -> Any:
    text = _content(text)
    match kind:
        case "text":
            return text
        case "boolean":
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if text.strip().lower() not in words:
                raise _Fault(f"“{text}” is not true or false.")
            return words[text.strip().lower()]
        case "number":
            return _number(text)
        case _:
            try:
                return json.loads(text)
            except json.JSONDecodeError as exc:
                message = f"this is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}."
                raise _Fault(message) from None


def _number(text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        raise _Fault(f"“{text}” is not a number.") from None
    if not math.isfinite(number):
        raise _Fault(f"“{text}” is not a number one can count with.")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _content(text: str) -> str:
    """The text, or what the file holds that it names."""
    if text.startswith("@@"):
        return text[1:]
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is no UTF-8 text"
        raise _Fault(f"{text[1:]} cannot be read: {why}.") from None


def _files(text: str) -> list[Any]:
    """What one pair names: files of this machine, or an asset that is there."""
    if text.startswith("asset:"):
        return [{"asset": text.removeprefix("asset:")}]
    if not text.startswith("@"):
        raise _Fault(f"“{text}” names no file; write @{text} for one of this machine, or asset:<id>.")
    name = text[1:]
    found = [name] if Path(name).is_file() else sorted(one for one in glob.glob(name) if Path(one).is_file())  # noqa: PTH207  a pattern with any number of folders
    if not found:
        raise _Fault(f"there is no file {name}.")
    return [Upload(Path(one)) for one in found]
