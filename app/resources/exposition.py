"""What the box counts and measures, in the words of Prometheus: text format 0.0.4.

Counters come from the sums of all processes; what is measured at the moment comes from the rooms: a room's
`metrics` module brings `async def gauges(box) -> Iterable[Gauge]`, found, not listed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from app.kit.meters import METERS, Counter, Histogram
from app.kit.tally import Key

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
                    _sample(name, dict(zip(meter.labels, values, strict=True)), parts.get("", 0.0))
                    for values, parts in sorted(found.items())
                    if len(values) == len(meter.labels)
                ]
            case Histogram():
                if found:
                    lines += _head(name, meter.about, "histogram")
                for values, parts in sorted(found.items()):
                    if len(values) == len(meter.labels):
                        lines += _histogram(meter, dict(zip(meter.labels, values, strict=True)), parts)
    return "\n".join(lines) + "\n"


def _histogram(meter: Histogram, labels: Labels, parts: Mapping[str, float]) -> list[str]:
    lines, total = [], 0.0
    for bound in (*(f"{one:g}" for one in meter.bounds), "+Inf"):
        total += parts.get(bound, 0.0)
        lines.append(_sample(f"{meter.name}_bucket", {**labels, "le": bound}, total))
    return [
        *lines,
        _sample(f"{meter.name}_sum", labels, parts.get("sum", 0.0)),
        _sample(f"{meter.name}_count", labels, total),
    ]


def _head(name: str, about: str, kind: str) -> list[str]:
    return [f"# HELP {name} {_escaped(about)}", f"# TYPE {name} {kind}"]


def _sample(name: str, labels: Labels, value: float) -> str:
    inner = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels.items())
    return f"{name}{{{inner}}} {value:.17g}" if inner else f"{name} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
