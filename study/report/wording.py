"""Numbers and names as a reader of a journal expects them."""

import math
import re

from study.analysis.finding import Finding

ARMS = {"manual": "Manual", "ai": "AI"}
UNITS = {"min": "min", "clicks": "clicks", "ratio": "", "points": "percentage points", "grade": "grades", "probability": ""}


def figure(value: float | None, *, decimals: int = 2) -> str:
    """A number with fixed decimals and a proper minus sign; a dash where there is none.

    Examples
    --------
    >>> figure(-9.2841), figure(None), figure(0.0004)
    ('−9.28', '–', '0.0004')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{decimals}f}"
    if value and float(text) == 0:
        text = f"{value:.1g}"
    return text.replace("-", "−")


def p_words(p_value: float | None) -> str:
    """A p value.

    Examples
    --------
    >>> p_words(0.00002), p_words(0.0312), p_words(None)
    ('< 0.001', '0.031', '–')
    """
    if p_value is None:
        return "–"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def decimals(line: Finding) -> int:
    """Decimals that suit the unit."""
    return {"points": 1, "clicks": 1, "ratio": 3, "probability": 3}.get(line.unit, 2)


def effect_words(line: Finding) -> str:
    """Estimate and interval in words.

    Examples
    --------
    >>> line = Finding("minutes", "primary", "ratio", "ratio", 0.347, 0.341, 0.353, 0.95, 1e-9, "t", 152)
    >>> effect_words(line)
    '0.347 (95 % CI 0.341 to 0.353)'
    """
    if line.estimate is None:
        return "not computed"
    unit = f" {UNITS.get(line.unit, line.unit)}".rstrip()
    return f"{figure(line.estimate, decimals=decimals(line))}{unit}{interval_words(line)}"


def interval_words(line: Finding) -> str:
    """The interval in brackets; nothing where there is none."""
    if line.low is None and line.high is None:
        return ""
    low, high = (figure(value, decimals=decimals(line)) for value in (line.low, line.high))
    return f" ({100 * line.level:g} % CI {low} to {high})"


def share_words(part: int, total: int) -> str:
    """A count with its denominator and percentage.

    Examples
    --------
    >>> share_words(140, 152), share_words(0, 0)
    ('140 of 152 (92.1 %)', '0 of 0')
    """
    return f"{part} of {total}" + (f" ({100 * part / total:.1f} %)" if total else "")


def plain(name: str) -> str:
    """A technical name as words.

    Examples
    --------
    >>> plain("aortic_arch")
    'Aortic arch'
    """
    words = name.replace("_", " ").strip()
    return arms(words[:1].upper() + words[1:]).replace("Ai ", "AI ")


def sentence(words: str) -> str:
    """Words with a capital at the start, the rest left alone."""
    return words[:1].upper() + words[1:]


def arms(words: str) -> str:
    """The AI arm in capitals.

    Examples
    --------
    >>> arms("difference, ai − manual")
    'difference, AI − manual'
    """
    return re.sub(r"\bai\b", "AI", words)


def design_words(design: str) -> str:
    """The design as a word before "study".

    Examples
    --------
    >>> design_words("before_after"), design_words("multi_reader")
    ('before–after', 'multi-reader')
    """
    return design.replace("before_after", "before–after").replace("_", "-")


def count_words(number: int, noun: str) -> str:
    """A number with its noun.

    Examples
    --------
    >>> count_words(1, "site"), count_words(4, "technologist")
    ('1 site', '4 technologists')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
