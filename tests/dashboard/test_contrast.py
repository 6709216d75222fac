"""WCAG AA: words stand out from what is behind them by 4.5 to 1, in both themes; computed from the colours that are shipped."""

import re
import tomllib
from pathlib import Path

import pytest

import dashboard

FOLDER = Path(dashboard.__file__).parent
THEME = tomllib.loads((FOLDER / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
ENOUGH = 4.5  # WCAG 2.2, success criterion 1.4.3, text of any size
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
VARIABLE = {"--st-text-color": "textColor", "--st-background-color": "backgroundColor", "--st-primary-color": "primaryColor"}
VARIABLE |= {"--st-secondary-background-color": "secondaryBackgroundColor"}


def theme(name: str) -> dict[str, str]:
    return {**{key: value for key, value in THEME.items() if isinstance(value, str)}, **THEME[name]}


def channels(colour: str) -> list[float]:
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    return [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]


def luminance(colour: list[float]) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(words: str, behind: str, opacity: float = 1.0) -> float:
    back = channels(behind)
    front = [opacity * part + (1 - opacity) * other for part, other in zip(channels(words), back, strict=True)]
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colour_of(declarations: str, name: str, colours: dict[str, str]) -> str | None:
    veil = re.search(rf"{name}:\s*rgba\(0,0,0,(\.\d+)\)", declarations)
    if veil:  # a label over a picture: at its worst the picture is white there
        return "#" + 3 * f"{round(255 * (1 - float(veil[1]))):02x}"
    found = re.search(rf"(?:^|[;\s]){name}:\s*(?:var\((--[\w-]+)[^)]*\)|(#[0-9a-fA-F]{{3,6}}))", declarations)
    if found is None:
        return None
    return colours[VARIABLE[found[1]]] if found[1] in VARIABLE else found[2]


def test_black_on_white_is_21_to_1():
    assert contrast("#000", "#fff") == pytest.approx(21.0)  # by the definition of WCAG
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # W3C's own example of a grey that just fails


@pytest.mark.parametrize("name", ["light", "dark"])
def test_words_and_links_stand_out_from_the_page_and_the_side_bar(name):
    colours = theme(name)
    for words in (colours["textColor"], colours["primaryColor"]):
        for behind in (colours["backgroundColor"], colours["secondaryBackgroundColor"]):
            assert contrast(words, behind) >= ENOUGH, (words, behind)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_component_is_readable_in_both_themes(name):
    colours = theme(name)
    pages = (colours["backgroundColor"], colours["secondaryBackgroundColor"])
    seen = 0
    for path in sorted((FOLDER / "components" / "assets").glob("*.css")):
        for selector, declarations in RULE.findall(path.read_text(encoding="utf-8")):
            if ":disabled" in selector and ":not(:disabled)" not in selector:
                continue  # 1.4.3 leaves out what cannot be used
            words = colour_of(declarations, "color", colours)
            behind = colour_of(declarations, "background", colours)
            fade = re.search(r"opacity:\s*(\.?\d*\.?\d+)", declarations)
            if words is None and fade is None:
                continue
            seen += 1
            for back in (behind,) if behind else pages:
                found = contrast(words or colours["textColor"], back, float(fade[1]) if fade else 1.0)
                assert found >= ENOUGH, (path.name, selector.strip(), round(found, 2))
    assert seen >= 10


@pytest.mark.parametrize("block", [0, 1])
def test_the_sign_in_page_is_readable_in_both_themes(block):
    text = (FOLDER / "server" / "signin.html").read_text(encoding="utf-8")
    sets = [dict(re.findall(r"--(\w+):\s*(#[0-9a-f]{6})", part)) for part in re.findall(r":root \{([^}]*)\}", text)]
    colours = sets[block]
    assert contrast(colours["ink"], colours["paper"], 0.85) >= ENOUGH
    assert contrast(colours["bad"], colours["paper"]) >= ENOUGH
    assert contrast(colours["paper"], colours["accent"]) >= ENOUGH
