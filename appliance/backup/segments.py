"""What Postgres calls for every segment of its log, to keep it or to bring it back.

Runs as the user of Postgres, without site-packages, once a segment: a few hundredths of a second each time.

A segment that was closed early is zeros for the most part, so it is kept compressed: 16 MB become some 50 KB.
"""

import contextlib
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

KEPT, NO_SUCH_FILE = 0, 1
# Postgres takes 1 to 125 from a restore_command for “there is no more” and opens with what it has: a folder
# it may not read would silently lose everything since the base. Beyond that it stops and says so.
TROUBLE = 255
NOT_KEPT = 2  # an archive_command is the other way round: what ends beyond 125 Postgres counts as no failure
CHUNK_BYTES = 1024 * 1024
ENDING = ".z"
LET_GO = "let-go"  # a file of this name in the folder: nothing leads there, so nothing is kept


def keep(source: Path, folder: Path) -> None:
    """Put one segment into the folder, durable before this returns. One that is there is never replaced.

    Raises FileExistsError when another content has its name: two clusters write into one folder.
    """
    target = folder / (source.name + ENDING)
    if target.exists():
        if is_same(source, target):
            return  # Postgres was killed before it noted that this was done
        raise FileExistsError(f"{target} is there with another content")
    draft = folder / f".{source.name}.{os.getpid()}"
    try:
        with draft.open("xb") as file:
            file.writelines(_packed(source))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)  # unlike a rename, refuses a name that was taken meanwhile
    finally:
        draft.unlink(missing_ok=True)
    _sync(folder)


def bring(name: str, target: Path, folder: Path) -> None:
    """Unpack a segment for recovery. Raises FileNotFoundError when there is none of this name."""
    with (folder / (name + ENDING)).open("rb") as source, target.open("wb") as file:
        for chunk in _unpacked(iter(lambda: source.read(CHUNK_BYTES), b"")):
            file.write(chunk)


def _packed(source: Path) -> Iterator[bytes]:
    packer = zlib.compressobj(1)
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield packer.compress(chunk)
    yield packer.flush()


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    for chunk in chunks:
        yield unpacker.decompress(chunk)
    yield unpacker.flush()
    if not unpacker.eof:
        raise ValueError("it ends in the middle")


def is_same(source: Path, kept: Path) -> bool:
    """Whether `kept` holds this segment."""
    with source.open("rb") as plain, kept.open("rb") as packed, contextlib.suppress(ValueError, zlib.error):
        for chunk in _unpacked(iter(lambda: packed.read(CHUNK_BYTES), b"")):
            if plain.read(len(chunk)) != chunk:
                return False
        return not plain.read(1)
    return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(arguments: list[str]) -> int:
    """`keep PATH FOLDER` or `bring NAME PATH FOLDER`; the exit code is for Postgres."""
    what, *rest = arguments
    name = Path(rest[0]).name
    try:
        if what == "keep":
            os.nice(19)  # it may be late; whoever waits for a step may not
            if not (Path(rest[1]) / LET_GO).exists():
                keep(Path(rest[0]), Path(rest[1]))
        else:
            folder = Path(rest[2])
            if not (folder / (name + ENDING)).exists():
                # Missing, or out of our sight? Only of a folder that can be listed is it known.
                is_there = name + ENDING in {entry.name for entry in folder.iterdir()}
                return TROUBLE if is_there else NO_SUCH_FILE
            bring(name, Path(rest[1]), folder)
    except (OSError, ValueError, zlib.error) as exc:
        sys.stderr.write(f"WARNING:  {name} could not be {'kept' if what == 'keep' else 'brought'}: {exc}\n")
        return NOT_KEPT if what == "keep" else TROUBLE
    return KEPT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
