"""Recommended display colours of segments: bone ivory, veins blue, arteries by name, the left one lighter than the right one."""

from collections.abc import Mapping
from types import MappingProxyType

Colour = tuple[int, int, int]

BONE: Colour = (241, 214, 145)
VEIN: Colour = (70, 110, 200)
VESSEL: Colour = (216, 101, 79)
ARTERIES: Mapping[str, Colour] = MappingProxyType(
    {
        "aortic_arch": (190, 30, 45),
        "brachiocephalic_trunk": (225, 87, 40),
        "subclavian": (235, 140, 30),
        "common_carotid": (215, 50, 90),
        "internal_carotid": (230, 40, 40),
        "external_carotid": (200, 110, 170),
        "vertebral": (40, 150, 90),
        "basilar": (20, 120, 120),
        "middle_cerebral": (170, 60, 190),
        "anterior_cerebral": (120, 90, 210),
        "posterior_cerebral": (110, 170, 60),
        "anterior_communicating": (150, 130, 220),
        "posterior_communicating": (160, 190, 90),
    }
)


def colour_of(name: str) -> Colour:
    """Red, green and blue (0 to 255) of a segment by its label.

    Examples
    --------
    >>> colour_of("bone"), colour_of("vertebral_r"), colour_of("vertebral_l")
    ((241, 214, 145), (40, 150, 90), (115, 187, 148))
    """
    if name in ("bone", "vein", "vessel"):
        return {"bone": BONE, "vein": VEIN, "vessel": VESSEL}[name]
    red, green, blue = ARTERIES.get(name.removesuffix("_r").removesuffix("_l"), VESSEL)
    if not name.endswith("_l"):
        return red, green, blue
    red, green, blue = (round(part + 0.35 * (255 - part)) for part in (red, green, blue))
    return red, green, blue


def cielab_of(name: str) -> tuple[float, float, float]:
    """The same colour as L*, a* and b* (D65 white), the space of Recommended Display CIELab Value.

    Notes
    -----
    sRGB to XYZ by IEC 61966-2-1, XYZ to L*a*b* by CIE 15.

    Examples
    --------
    >>> [round(part) for part in cielab_of("bone")]
    [86, 0, 38]
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (value / 255 for value in colour_of(name))]
    rows = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
    white = (0.95047, 1.0, 1.08883)
    xyz = [sum(weight * part for weight, part in zip(row, linear, strict=True)) / full for row, full in zip(rows, white, strict=True)]
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
