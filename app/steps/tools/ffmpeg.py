"""What Studio knows about ffmpeg and ffprobe: finding them, choosing an encoder, reading their words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from app.flow.messages import ErrorClass
from app.steps.base import Context, Program, StepFailed

QUIET: Final = ("-hide_banner", "-nostdin", "-loglevel", "error")

# A file a person uploaded is opened as one of these and through no protocol but a plain file: no playlists,
# no concat scripts, so a "video" can neither read another file of ours nor reach an address.
CONTAINERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,"
    "ogg,mp3,wav,w64,flac,aac,aiff,amr,gif,ivf,dv"
)
SAFE_INPUT: Final = ("-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS)


class Encoder(msgspec.Struct, frozen=True):
    """An H.264 encoder and the arguments that make it look good at a sensible size."""

    name: str
    arguments: tuple[str, ...]


# CRF 21 with veryfast: 450 frames of 1280×720 cost 4 s of one core; slower presets gain 10 % in size.
X264: Final = Encoder("libx264", ("-c:v", "libx264", "-preset", "veryfast", "-crf", "21"))
NVENC: Final = Encoder(
    "h264_nvenc", ("-c:v", "h264_nvenc", "-preset", "p4", "-rc", "vbr", "-cq", "23", "-b:v", "0")
)

# Answered once a process: a card neither learns nor forgets to encode while we run.
_nvenc_works: bool | None = None


async def choose_encoder(ctx: Context) -> Encoder:
    """NVENC when a card is there and really encodes a frame (data-centre cards such as the H100 cannot)."""
    global _nvenc_works  # noqa: PLW0603  one answer a process, see above
    if _nvenc_works is None:
        if not _has_card():
            _nvenc_works = False
        else:
            frame = ("-f", "lavfi", "-i", "color=black:size=256x256:rate=1", "-frames:v", "1")
            trial = await ctx.run_program(["ffmpeg", *QUIET, *frame, *NVENC.arguments, "-f", "null", "-"])
            _nvenc_works = trial.returncode == 0
    return NVENC if _nvenc_works else X264


def _has_card() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*"))


async def probe(ctx: Context, path: Path, name: str) -> Mapping[str, Any]:
    """ffprobe's facts about a media file. Raises StepFailed(bad_input) for what is no media."""
    found = await ctx.run_program(
        [
            "ffprobe",
            "-loglevel",
            "error",
            *SAFE_INPUT,
            "-print_format",
            "json",
            "-show_format",
            "-show_streams",
            "-i",
            f"file:{path}",
        ]
    )
    facts = _decode(found)
    if found.returncode != 0 or not facts.get("streams"):
        raise StepFailed(
            ErrorClass.bad_input,
            f"“{name}” is not a video or sound file Studio can read.",
            remedy="Check that the file plays elsewhere; MP4, WebM, MOV, MKV, MP3, WAV and FLAC are fine.",
        )
    return facts


def failed(program: Program, doing: str) -> StepFailed:
    """ffmpeg gave up: its last words, in our sentence."""
    words = program.tail.strip().splitlines()
    reason = words[-1][-200:] if words else f"it ended with status {program.returncode}"
    if "No space left" in program.tail:
        return StepFailed(
            ErrorClass.refused, f"The disk is full; {doing} could not go on.", remedy="Free some space."
        )
    if "Cannot allocate memory" in program.tail:
        return StepFailed(
            ErrorClass.out_of_memory,
            f"There was not enough memory for {doing}.",
            remedy="Use a smaller size or fewer pictures, or give the box more memory.",
        )
    return StepFailed(ErrorClass.bug, f"ffmpeg could not finish {doing}: {reason}")


def _decode(program: Program) -> dict[str, Any]:
    try:
        facts = msgspec.json.decode(program.output or b"{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
    return facts
