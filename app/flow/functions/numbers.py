"""Numbers: rounding, bounds, and how they are written."""

import math

from app.flow.library import Example, function
from app.flow.meter import Refused


@function("Round", Example("round(2.5)", 3.0), Example("round(3.14159, 2)", 3.14), is_plain=True)
def round_(number: float, digits: int = 0) -> float:
    """The nearest number with so many digits behind the point; halves go away from zero."""
    if not -15 <= digits <= 15:
        raise Refused(f"round() keeps from -15 to 15 digits behind the point, not {digits}.")
    factor = 10.0**digits
    scaled = abs(number) * factor
    if not math.isfinite(scaled) or scaled >= 2**53:
        return float(number)
    # A number just below a half was most likely meant as one: 1.005 is 1.00499999999999989…
    return math.copysign(math.floor(scaled + 0.5 + scaled * 2**-52) / factor, number)


@function("Round down", Example("floor(2.9)", 2), Example("floor(-2.1)", -3), is_plain=True)
def floor(number: float) -> int:
    """The next whole number below."""
    return math.floor(number)


@function("Round up", Example("ceil(2.1)", 3), is_plain=True)
def ceil(number: float) -> int:
    """The next whole number above."""
    return math.ceil(number)


@function("Without sign", Example("abs(-3)", 3.0), is_plain=True)
def abs_(number: float) -> float:
    """How far the number is from zero."""
    return abs(number)


@function("Keep within", Example("clamp(12, 0, 10)", 10.0), is_plain=True)
def clamp(number: float, low: float, high: float) -> float:
    """The number, or the bound it lies beyond."""
    if low > high:
        raise Refused("clamp() wants its lower bound first; here it is the greater one.")
    return min(max(number, low), high)


@function("Power", Example("power(2, 10)", 1024.0), is_plain=True)
def power(base: float, exponent: float) -> float:
    """The base multiplied by itself as often as the exponent says."""
    return math.pow(base, exponent)


@function("Square root", Example("sqrt(9)", 3.0), is_plain=True)
def sqrt(number: float) -> float:
    """The number that gives this one when multiplied by itself."""
    return math.sqrt(number)


@function(
    "Number as text",
    Example("format_number(1234567.891, 1)", "1,234,567.9"),
    Example("format_number(1234.5, 2, '')", "1234.50"),
    is_plain=True,
)
def format_number(number: float, digits: int = 0, separator: str = ",") -> str:
    """The number with so many digits behind the point and a separator between thousands."""
    if not 0 <= digits <= 15:
        raise Refused(f"format_number() writes from 0 to 15 digits behind the point, not {digits}.")
    return f"{round_(number, digits):,.{digits}f}".replace(",", separator)


@function("Size as text", Example("format_bytes(3450000)", "3.5 MB"), is_plain=True)
def format_bytes(size_bytes: float) -> str:
    """A number of bytes as people write it."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(size) < 999.95:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


@function("Seconds as text", Example("format_duration(3725)", "1:02:05"), is_plain=True)
def format_duration(seconds: float) -> str:
    """A length of time as a player shows it: minutes and seconds, hours where there are any."""
    whole = math.floor(abs(seconds) + 0.5)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 and whole else ""
    return f"{sign}{hours}:{minutes:02}:{rest:02}" if hours else f"{sign}{minutes}:{rest:02}"
