"""What is known of files that travel between steps: their kinds, names and sizes."""

from app.flow.library import Example, File, function
from app.flow.ports import port_of_mime

_PHOTO = "{'asset': '1', 'name': 'sea.jpeg', 'mime': 'image/jpeg', 'size_bytes': 2000}"


def _kind(file: File) -> str:
    return port_of_mime(str(file.get("mime", "")))


@function("Is an image", Example(f"is_image({_PHOTO})", True))
def is_image(file: File) -> bool:
    """Whether the file is a picture."""
    return _kind(file) == "image"


@function("Is a video", Example(f"is_video({_PHOTO})", False))
def is_video(file: File) -> bool:
    """Whether the file is a film."""
    return _kind(file) == "video"


@function("Is sound", Example(f"is_audio({_PHOTO})", False))
def is_audio(file: File) -> bool:
    """Whether the file is sound."""
    return _kind(file) == "audio"


@function("Names of files", Example(f"[{_PHOTO}].names()", ["sea.jpeg"]))
def names(files: list[File]) -> list[str]:
    """The names of the files, in order."""
    return [str(file.get("name", "")) for file in files]


@function("Size together", Example(f"[{_PHOTO}, {_PHOTO}].total_bytes()", 4000.0))
def total_bytes(files: list[File]) -> float:
    """How many bytes the files have together."""
    return float(sum(file.get("size_bytes", 0) for file in files))
