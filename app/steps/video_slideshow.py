"""Makes a film of pictures: crossfades, a gentle zoom, a title and, if wanted, music."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass, Lane
from app.flow.ports import Audio, Image, Video
from app.steps.base import Context, Example, Program, StepFailed, StepType
from app.steps.tools.ffmpeg import SAFE_INPUT, X264, Encoder, choose_encoder, failed, probe
from app.steps.tools.film import Film, FilmPlan
from app.steps.tools.pictures import open_picture

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_FILM_S: Final = 3600.0
FRAMES_AHEAD: Final = 4  # enough to keep two cores busy; 6 MB each at 1920×1080
MUSIC_FADE_S: Final = 1.5


class VideoSlideshowInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures and the look of the film. Its length is pictures × seconds_per_image, exactly."""

    images: Annotated[
        list[Image], Meta(title="Pictures", description="In showing order.", min_length=1, max_length=1000)
    ]
    title: Annotated[
        str, Meta(title="Title", description="Shown over the first picture.", max_length=200)
    ] = ""
    seconds_per_image: Annotated[
        float,
        Meta(
            title="Seconds a picture",
            description="Half of its fades included.",
            ge=0.2,
            le=120,
            extra_json_schema={"unit": "s"},
        ),
    ] = 2.5
    crossfade_s: Annotated[
        float,
        Meta(
            title="Crossfade",
            description="Centred on each cut; 0 cuts hard.",
            ge=0,
            le=10,
            extra_json_schema={"unit": "s"},
        ),
    ] = 0.6
    zoom_percent: Annotated[
        float,
        Meta(
            title="Zoom",
            description="How far each picture comes closer or goes back; 0 keeps it still.",
            ge=0,
            le=50,
            extra_json_schema={"unit": "%", "widget": "slider"},
        ),
    ] = 6.0
    width: Annotated[
        int, Meta(title="Width", ge=64, le=3840, multiple_of=2, extra_json_schema={"unit": "px"})
    ] = 1280
    height: Annotated[
        int, Meta(title="Height", ge=64, le=2160, multiple_of=2, extra_json_schema={"unit": "px"})
    ] = 720
    fps: Annotated[int, Meta(title="Frame rate", ge=5, le=60, extra_json_schema={"unit": "fps"})] = 30
    music: Annotated[
        Audio | None,
        Meta(title="Music", description="Repeated if too short, faded out at the end."),
    ] = None
    name: Annotated[
        str, Meta(title="File name", description="Left empty, made from the title.", max_length=120)
    ] = ""


class VideoSlideshowOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The film and its facts."""

    video: Annotated[Video, Meta(title="Film")]
    duration_s: Annotated[float, Meta(title="Length", extra_json_schema={"unit": "s"})]
    width: Annotated[int, Meta(title="Width", extra_json_schema={"unit": "px"})]
    height: Annotated[int, Meta(title="Height", extra_json_schema={"unit": "px"})]


class VideoSlideshow(StepType[VideoSlideshowInputs, VideoSlideshowOutputs]):
    """Pictures in, one H.264 MP4 out; frames are drawn here, ffmpeg encodes them."""

    kind = "video.slideshow"
    version = 2
    lane = Lane.cpu
    title = "Slideshow"
    summary = "Makes a film of pictures, with crossfades, a gentle zoom, a title and music."
    category = "Video"
    cacheable = True
    timeout_s = 3600.0
    Inputs = VideoSlideshowInputs
    Outputs = VideoSlideshowOutputs
    examples = (
        Example(
            title="Two pictures and a title",
            inputs={
                "images": [{"sample": "photo.jpg"}, {"sample": "drawing.png"}],
                "title": "Our trip",
                "seconds_per_image": 0.5,
                "crossfade_s": 0.2,
                "width": 320,
                "height": 180,
            },
        ),
        Example(
            title="With music",
            inputs={
                "images": [{"sample": "photo.jpg"}],
                "seconds_per_image": 1.0,
                "width": 320,
                "height": 180,
                "music": {"sample": "tune.wav"},
            },
        ),
    )

    async def run(self, inputs: VideoSlideshowInputs, ctx: Context) -> VideoSlideshowOutputs:
        """Plan, draw, encode; with the card's encoder where it has one, else on the CPU."""
        plan = _plan(inputs)
        sources = [await ctx.fetch(image) for image in inputs.images]
        music = await _music(inputs.music, ctx)
        target = ctx.folder / "film.mp4"
        encoder = await choose_encoder(ctx)
        made = await _encode(inputs, plan, sources, music, target, encoder, ctx)
        if made.returncode != 0 and encoder is not X264:
            await ctx.log(f"{encoder.name} gave up; encoding on the CPU instead.", "warning")
            made = await _encode(inputs, plan, sources, music, target, X264, ctx)
        if made.returncode != 0:
            raise failed(made, "the film")
        stem = inputs.name.strip() or inputs.title.strip() or "slideshow"
        kept = await ctx.keep(target, Video, f"{stem.removesuffix('.mp4')}.mp4", "video/mp4")
        return VideoSlideshowOutputs(
            video=kept, duration_s=plan.duration_s, width=plan.width, height=plan.height
        )


def _plan(inputs: VideoSlideshowInputs) -> FilmPlan:
    plan = FilmPlan(
        pictures=len(inputs.images),
        width=inputs.width,
        height=inputs.height,
        fps=inputs.fps,
        seconds_per_image=inputs.seconds_per_image,
        crossfade_s=inputs.crossfade_s,
        zoom=inputs.zoom_percent / 100,
    )
    if plan.duration_s > MAX_FILM_S:
        raise StepFailed(
            ErrorClass.bad_input,
            f"The film would be {plan.duration_s / 60:.0f} minutes long, more than {MAX_FILM_S / 60:.0f}.",
            remedy="Use fewer pictures or fewer seconds for each.",
        )
    return plan


async def _music(music: Audio | None, ctx: Context) -> Path | None:
    """The sound file, once ffprobe has found a sound track in it."""
    if music is None:
        return None
    path = await ctx.fetch(music)
    facts = await probe(ctx, path, music.name)
    if not any(stream.get("codec_type") == "audio" for stream in facts["streams"]):
        raise StepFailed(ErrorClass.bad_input, f"“{music.name}” has no sound.", remedy="Choose a sound file.")
    return path


async def _encode(  # noqa: PLR0917  one call, two encoders
    inputs: VideoSlideshowInputs,
    plan: FilmPlan,
    sources: list[Path],
    music: Path | None,
    target: Path,
    encoder: Encoder,
    ctx: Context,
) -> Program:
    def open_source(index: int) -> "Picture":
        with open_picture(sources[index], inputs.images[index].name, near=plan.still) as picture:
            return picture

    async def on_line(line: str) -> None:
        name, _, value = line.partition("=")
        if name == "frame" and value.strip().isdigit():
            done = min(plan.frames, int(value))
            await ctx.progress(done / plan.frames, f"Frame {done} of {plan.frames}")

    film = Film(plan, open_source, inputs.title)
    return await ctx.run_program(
        _arguments(plan, music, target, encoder), on_line=on_line, feed=_frames(film, ctx)
    )


async def _frames(film: Film, ctx: Context) -> AsyncIterator[bytes]:
    """The frames in order, a few of them drawn ahead by the worker's threads."""
    scenes = film.scenes()
    ahead: deque[asyncio.Task[bytes]] = deque()
    try:
        while (step := await ctx.in_thread(next, scenes, None)) is not None:
            ahead.append(asyncio.ensure_future(ctx.in_thread(film.render, *step)))
            if len(ahead) >= FRAMES_AHEAD:
                yield await ahead.popleft()
        while ahead:
            yield await ahead.popleft()
    finally:
        for task in ahead:
            task.cancel()


def _arguments(plan: FilmPlan, music: Path | None, target: Path, encoder: Encoder) -> list[str]:
    size = f"{plan.width}x{plan.height}"
    argv = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-progress", "pipe:1", "-nostats"]
    argv += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", size, "-framerate", str(plan.fps)]
    argv += ["-color_range", "tv", "-colorspace", "bt709", "-i", "pipe:0"]
    if music is not None:
        fade_s = min(MUSIC_FADE_S, plan.duration_s / 3)
        argv += ["-stream_loop", "-1", *SAFE_INPUT, "-i", f"file:{music}", "-map", "0:v:0", "-map", "1:a:0"]
        argv += ["-af", f"afade=t=out:st={plan.duration_s - fade_s:.3f}:d={fade_s:.3f}"]
        argv += ["-c:a", "aac", "-b:a", "160k", "-ac", "2"]
    argv += [*encoder.arguments, "-pix_fmt", "yuv420p", "-g", str(plan.fps * 2)]
    argv += ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    # The index in front, so that a browser plays before it has everything.
    return [*argv, "-movflags", "+faststart", "-t", f"{plan.duration_s:.6f}", f"file:{target}"]
