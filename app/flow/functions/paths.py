"""Names of files and their paths, as texts; nothing here looks at a disk."""

from posixpath import basename, dirname

from app.flow.library import Example, function
from app.flow.meter import Refused


@function("File name", Example("'trip/day 1/sea.jpeg'.file_name()", "sea.jpeg"))
def file_name(path: str) -> str:
    """What stands behind the last slash."""
    return basename(path)


@function("Folder", Example("'trip/day 1/sea.jpeg'.folder()", "trip/day 1"))
def folder(path: str) -> str:
    """What stands before the last slash."""
    return dirname(path)


@function("File name without ending", Example("'trip/sea.tar.gz'.file_stem()", "sea.tar"))
def file_stem(path: str) -> str:
    """The file name up to before its last point; a name that begins with its only point stays whole."""
    return _parted(path)[0]


@function(
    "File name ending",
    Example("'trip/SEA.JPEG'.file_extension()", "jpeg"),
    Example("'notes'.file_extension()", ""),
)
def file_extension(path: str) -> str:
    """What stands behind the last point of the file name, in small letters and without the point."""
    return _parted(path)[1].lower()


@function("With another ending", Example("'trip/sea.jpeg'.with_extension('webp')", "trip/sea.webp"))
def with_extension(path: str, extension: str) -> str:
    """The path with another ending; with an empty one, without any."""
    ending = extension.removeprefix(".")
    if "/" in ending:
        raise Refused("The ending of a file name holds no slash.")
    stem, before = file_stem(path), dirname(path)
    named = f"{stem}.{ending}" if ending else stem
    return f"{before.rstrip('/')}/{named}" if before else named


def _parted(path: str) -> tuple[str, str]:
    name = basename(path)
    stem, point, ending = name.rpartition(".")
    return (stem, ending) if point and stem.strip(".") else (name, "")
