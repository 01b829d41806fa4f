"""What the box counts and measures, in the words of Prometheus: text format 0.0.4.

Counters come from the sums of all processes; what is measured at the moment comes from the rooms: a room's
`metrics` module brings `async def gauges(box) -> Iterable[Gauge]`, found, not listed.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from app.kit.meters import METERS, Counter, Histogram
from app.kit.tally import MOST_SERIES, Key

KEPT: Final = 2 * MOST_SERIES  # texts that are not made again at each scrape
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """Something measured now. Its samples have no label whose values people make up, and no ids."""

    name: str
    about: str
    samples: Sequence[tuple[Labels, float]]
    only_grows: bool = False  # a counter that somebody else keeps


def gauge(name: str, about: str, value: float | None, **labels: str) -> Gauge:
    """One with one sample; without any when it cannot be told, which is not the same as 0."""
    return Gauge(name=name, about=about, samples=[] if value is None else [(labels, value)])


def render(gauges: Iterable[Gauge], sums: Mapping[Key, float]) -> str:
    """The whole page."""
    lines: list[str] = []
    for one in gauges:
        if one.samples:
            lines += _head(one.name, one.about, "counter" if one.only_grows else "gauge")
            lines += [_sample(one.name, labels, value) for labels, value in one.samples]
    series: defaultdict[str, dict[tuple[str, ...], dict[str, float]]] = defaultdict(dict)
    for (name, values, part), amount in sums.items():
        series[name].setdefault(values, {})[part] = amount
    for name, meter in METERS.items():
        found = series.get(name, {})
        match meter:
            case Counter():
                if not found and not meter.labels:
                    found = {(): {"": 0.0}}  # it has not happened yet, which is known
                if found:
                    lines += _head(name, meter.about, "counter")
                lines += [
                    f"{_series(name, meter.labels, values)} {parts.get('', 0.0):.17g}"
                    for values, parts in sorted(found.items())
                    if len(values) == len(meter.labels)
                ]
            case Histogram():
                if found:
                    lines += _head(name, meter.about, "histogram")
                for values, parts in sorted(found.items()):
                    if len(values) == len(meter.labels):
                        lines += _histogram(meter, values, parts)
    return "\n".join(lines) + "\n"


def _histogram(meter: Histogram, values: tuple[str, ...], parts: Mapping[str, float]) -> list[str]:
    lines, total = [], 0.0
    buckets, of_sum, of_count = _histogram_series(meter.name, meter.labels, values, meter.bounds)
    for bound, series in buckets:
        total += parts.get(bound, 0.0)
        lines.append(f"{series} {total:.17g}")
    return [*lines, f"{of_sum} {parts.get('sum', 0.0):.17g}", f"{of_count} {total:.17g}"]


@functools.lru_cache(maxsize=KEPT)
def _histogram_series(
    name: str, labels: tuple[str, ...], values: tuple[str, ...], bounds: tuple[float, ...]
) -> tuple[list[tuple[str, str]], str, str]:
    """Each bucket's bound and series, and those of the sum and the count."""
    buckets = [
        (bound, _series(f"{name}_bucket", (*labels, "le"), (*values, bound)))
        for bound in (*(f"{one:g}" for one in bounds), "+Inf")
    ]
    return buckets, _series(f"{name}_sum", labels, values), _series(f"{name}_count", labels, values)


def _head(name: str, about: str, kind: str) -> list[str]:
    return [f"# HELP {name} {_escaped(about)}", f"# TYPE {name} {kind}"]


def _sample(name: str, labels: Labels, value: float) -> str:
    return f"{_series(name, tuple(labels), tuple(labels.values()))} {value:.17g}"


@functools.lru_cache(maxsize=KEPT)
def _series(name: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str:
    """What stands before the number: the same at every scrape."""
    inner = ",".join(f'{key}="{_quoted(text)}"' for key, text in zip(labels, values, strict=True))
    return f"{name}{{{inner}}}" if inner else name


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
