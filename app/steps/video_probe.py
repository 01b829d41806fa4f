"""Tells what a video or sound file is: length, size, frame rate, codecs."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.flow.messages import Lane
from app.flow.ports import File
from app.steps.base import Context, Example, StepType
from app.steps.tools.ffmpeg import probe


class VideoProbeInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The file to look at."""

    media: Annotated[File, Meta(title="Video or sound", description="Any file ffprobe can read.")]


class VideoProbeOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The facts; what the file does not have is null."""

    duration_s: Annotated[float | None, Meta(title="Length", extra_json_schema={"unit": "s"})]
    format: Annotated[str, Meta(title="Container", description="As ffprobe names it.")]
    size_bytes: Annotated[int, Meta(title="Size", extra_json_schema={"unit": "bytes"})]
    bits_per_second: Annotated[int | None, Meta(title="Bit rate", extra_json_schema={"unit": "bit/s"})]
    has_video: Annotated[bool, Meta(title="Has a picture")]
    has_audio: Annotated[bool, Meta(title="Has sound")]
    width: Annotated[int | None, Meta(title="Width", extra_json_schema={"unit": "px"})] = None
    height: Annotated[int | None, Meta(title="Height", extra_json_schema={"unit": "px"})] = None
    rotation_degrees: Annotated[int, Meta(title="Rotation", extra_json_schema={"unit": "°"})] = 0
    fps: Annotated[float | None, Meta(title="Frame rate", extra_json_schema={"unit": "fps"})] = None
    frames: Annotated[int | None, Meta(title="Frames", description="If the file says so.")] = None
    video_codec: Annotated[str | None, Meta(title="Video codec")] = None
    pixel_format: Annotated[str | None, Meta(title="Pixel format")] = None
    audio_codec: Annotated[str | None, Meta(title="Audio codec")] = None
    channels: Annotated[int | None, Meta(title="Channels")] = None
    sample_rate_hz: Annotated[int | None, Meta(title="Sample rate", extra_json_schema={"unit": "Hz"})] = None


class VideoProbe(StepType[VideoProbeInputs, VideoProbeOutputs]):
    """ffprobe's facts as typed outputs."""

    kind = "video.probe"
    version = 1
    lane = Lane.cpu
    title = "Look at a video"
    summary = "Tells length, size, frame rate and codecs of a video or sound file."
    category = "Video"
    cacheable = True
    timeout_s = 120.0
    Inputs = VideoProbeInputs
    Outputs = VideoProbeOutputs
    examples = (Example(title="A film", inputs={"media": {"sample": "film.mp4"}}),)

    async def run(self, inputs: VideoProbeInputs, ctx: Context) -> VideoProbeOutputs:
        """Fetch and ask ffprobe."""
        source = await ctx.fetch(inputs.media)
        return read_facts(await probe(ctx, source, inputs.media.name), inputs.media.size_bytes)


def read_facts(facts: Mapping[str, Any], size_bytes: int) -> VideoProbeOutputs:
    """ffprobe's JSON as typed values; pure."""
    streams: list[dict[str, Any]] = facts.get("streams", [])
    container: dict[str, Any] = facts.get("format", {})
    # A cover picture inside a music file is no film.
    pictures = [s for s in streams if s.get("codec_type") == "video" and not _is_cover(s)]
    sounds = [s for s in streams if s.get("codec_type") == "audio"]
    video: dict[str, Any] = pictures[0] if pictures else {}
    audio: dict[str, Any] = sounds[0] if sounds else {}
    duration_s = (
        _number(container.get("duration")) or _number(video.get("duration")) or _number(audio.get("duration"))
    )
    return VideoProbeOutputs(
        duration_s=duration_s,
        format=str(container.get("format_name", "")),
        size_bytes=size_bytes,
        bits_per_second=_whole(container.get("bit_rate")),
        has_video=bool(pictures),
        has_audio=bool(sounds),
        width=_whole(video.get("width")),
        height=_whole(video.get("height")),
        rotation_degrees=_rotation(video),
        fps=_rate(video.get("avg_frame_rate")) or _rate(video.get("r_frame_rate")),
        frames=_whole(video.get("nb_frames")),
        video_codec=video.get("codec_name"),
        pixel_format=video.get("pix_fmt"),
        audio_codec=audio.get("codec_name"),
        channels=_whole(audio.get("channels")),
        sample_rate_hz=_whole(audio.get("sample_rate")),
    )


def _is_cover(stream: dict[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _rate(value: Any) -> float | None:
    try:
        rate = float(Fraction(str(value)))
    except (ValueError, ZeroDivisionError):
        return None
    return round(rate, 4) or None


def _rotation(video: dict[str, Any]) -> int:
    """Degrees clockwise to turn the picture for watching; older files say it in a tag, newer in side data."""
    for side in video.get("side_data_list", []):
        if "rotation" in side:
            return int(-float(side["rotation"])) % 360
    return int(float(video.get("tags", {}).get("rotate", 0))) % 360
