"""Slideshows: their length to the frame, their form, and what can go wrong."""

import asyncio
from itertools import pairwise

import psutil
import pytest

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from app.steps.tools.ffmpeg import Encoder
from app.steps.tools.film import FilmPlan, scene_at
from app.steps.video_probe import VideoProbe, VideoProbeOutputs
from app.steps.video_slideshow import VideoSlideshow
from tests.patience import PATIENCE_S
from tests.steps.bench import Bench

SMALL = {"width": 320, "height": 180}


async def look_at(bench: Bench, film: object) -> VideoProbeOutputs:
    """ffprobe's facts about a film."""
    return await bench.run(VideoProbe, {"media": film})


@pytest.mark.parametrize(
    ("pictures", "seconds", "fade", "fps"),
    [(1, 1.0, 0.5, 25), (3, 0.7, 0.2, 24), (2, 1.5, 3.0, 30), (5, 0.4, 0.0, 10), (4, 0.333, 0.1, 25)],
)
async def test_a_film_is_as_long_as_its_formula_says(
    bench: Bench, pictures: int, seconds: float, fade: float, fps: int
) -> None:
    images = [{"sample": ("photo.jpg", "drawing.png")[n % 2]} for n in range(pictures)]
    made = await bench.run(
        VideoSlideshow,
        {"images": images, "seconds_per_image": seconds, "crossfade_s": fade, "fps": fps, **SMALL},
    )
    facts = await look_at(bench, made.video)
    assert facts.duration_s == pytest.approx(pictures * seconds, abs=1.5 / fps)
    assert made.duration_s == pytest.approx(facts.duration_s, abs=0.001)
    assert facts.frames == round(pictures * seconds * fps)


async def test_a_film_plays_everywhere(bench: Bench) -> None:
    made = await bench.run(
        VideoSlideshow, {"images": [{"sample": "photo.jpg"}], "title": "Grüße aus Łódź", **SMALL}
    )
    facts = await look_at(bench, made.video)
    assert (facts.video_codec, facts.pixel_format) == ("h264", "yuv420p")
    assert (facts.width, facts.height) == (320, 180)
    assert made.video.mime == "video/mp4"
    assert made.video.name == "Grüße aus Łódź.mp4"
    raw = bench.path(made.video).read_bytes()
    assert raw.index(b"moov") < raw.index(b"mdat"), "the index stands in front (faststart)"


@pytest.mark.parametrize("seconds", [0.5, 2.6])
async def test_music_is_cut_or_repeated_to_the_length_of_the_film(bench: Bench, seconds: float) -> None:
    made = await bench.run(
        VideoSlideshow,
        {
            "images": [{"sample": "photo.jpg"}],
            "seconds_per_image": seconds,
            "music": {"sample": "tune.wav"},
            **SMALL,
        },
    )
    facts = await look_at(bench, made.video)
    assert facts.audio_codec == "aac"
    assert facts.duration_s == pytest.approx(seconds, abs=0.06)


async def test_progress_comes_from_the_encoder(bench: Bench) -> None:
    context = bench.context()
    told: list[float] = []

    async def progress(fraction: float, message: str | None = None) -> None:
        told.append(fraction)

    context.progress = progress  # type: ignore[method-assign]  # the spy of this one test
    inputs = VideoSlideshow.Inputs(images=[bench.sample("photo.jpg")] * 2, **SMALL)  # type: ignore[arg-type,list-item]  # any picture does
    await VideoSlideshow().run(inputs, context)
    assert told == sorted(told)
    assert told[-1] == 1.0


async def test_an_encoder_that_gives_up_is_replaced_by_the_processor(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> Encoder:
        return Encoder("h264_broken", ("-c:v", "no_such_encoder"))

    monkeypatch.setattr("app.steps.video_slideshow.choose_encoder", broken)
    made = await bench.run(VideoSlideshow, {"images": [{"sample": "photo.jpg"}], **SMALL})
    assert (await look_at(bench, made.video)).video_codec == "h264"


async def test_a_damaged_picture_fails_the_film_with_its_name(bench: Bench) -> None:
    path = bench.folder / "broken.jpg"
    path.write_bytes(bench.path(bench.sample("photo.jpg")).read_bytes()[:2000])
    broken = bench.add(path, mime="image/jpeg")
    with pytest.raises(StepFailed, match=r"broken\.jpg") as caught:
        await bench.run(VideoSlideshow, {"images": [{"sample": "photo.jpg"}, broken], **SMALL})
    assert caught.value.error_class is ErrorClass.bad_input


async def test_a_film_of_hours_is_refused(bench: Bench) -> None:
    with pytest.raises(StepFailed, match="minutes") as caught:
        await bench.run(
            VideoSlideshow, {"images": [{"sample": "photo.jpg"}] * 100, "seconds_per_image": 120, **SMALL}
        )
    assert caught.value.error_class is ErrorClass.bad_input


async def test_cancel_in_the_middle_ends_ffmpeg(bench: Bench) -> None:
    encoding = asyncio.Event()
    context = bench.context()

    async def progress(fraction: float, message: str | None = None) -> None:
        if fraction > 0:
            encoding.set()

    context.progress = progress  # type: ignore[method-assign]  # the spy of this one test
    inputs = VideoSlideshow.Inputs(images=[bench.sample("photo.jpg")] * 20, seconds_per_image=30.0)  # type: ignore[list-item]  # any picture does
    film = asyncio.create_task(VideoSlideshow().run(inputs, context))
    await encoding.wait()
    ours = [one for one in psutil.Process().children(recursive=True) if "ffmpeg" in one.name()]
    assert ours
    film.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(film, return_exceptions=True)
    assert film.cancelled()
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in ours)


async def test_a_probe_tells_what_is_in_a_film(bench: Bench) -> None:
    facts = await bench.run(VideoProbe, {"media": {"sample": "film.mp4"}})
    assert facts.has_video
    assert facts.has_audio
    assert (facts.width, facts.height, facts.fps) == (320, 240, 25)
    assert facts.duration_s == pytest.approx(2, abs=0.1)


async def test_a_probe_of_sound_has_no_picture(bench: Bench) -> None:
    facts = await bench.run(VideoProbe, {"media": {"sample": "tune.wav"}})
    assert not facts.has_video
    assert (facts.channels, facts.sample_rate_hz) == (1, 16_000)


@pytest.mark.parametrize(
    "content",
    [
        b"not a film",
        b"",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
    ids=["text", "empty", "playlist", "concat"],
)
async def test_what_is_no_media_is_refused_and_opens_nothing_else(bench: Bench, content: bytes) -> None:
    path = bench.folder / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(StepFailed, match="not a video or sound file") as caught:
        await bench.run(VideoProbe, {"media": bench.add(path, mime="video/mp4")})
    assert caught.value.error_class is ErrorClass.bad_input


def test_fades_are_centred_on_the_cuts_and_never_jump() -> None:
    plan = FilmPlan(pictures=3, width=64, height=64, fps=10, seconds_per_image=2.0, crossfade_s=1.0, zoom=0.1)
    scenes = [scene_at(plan, frame) for frame in range(plan.frames)]
    first_fade = [scene.next_share for scene in scenes[15:25]]
    assert first_fade == sorted(first_fade)
    assert scenes[14].next_share == 0
    assert 0 < scenes[15].next_share < 0.15
    assert 0.85 < scenes[24].next_share < 1
    assert (scenes[25].picture, scenes[25].next_share) == (1, 0)
    # The zoom of a picture goes on through both of its fades.
    zoom_of_second = [s.next_zoom for s in scenes[15:25]] + [s.zoom for s in scenes[25:45]]
    steps = [abs(b - a) for a, b in pairwise(zoom_of_second)]
    assert max(steps) == pytest.approx(min(steps), abs=1e-6)
