"""The arteries of the canonical body: where they run and how wide they are.

The canonical body is an adult in millimetres, LPS: x to the patient's left, y to the back, z to the head. x = 0 is the
midline, z = 0 the lower edge of the full field (just below the top of the aortic arch), z = 360 the vertex. Paired arteries
are given for the left side and mirrored.

Radii follow the arterial network of Alastruey et al. (J Biomech 2007;40:1794, doi 10.1016/j.jbiomech.2006.07.008) as
tabulated by openBF (INSIGNEO institute, Apache License 2.0): aorta 11 to 12, brachiocephalic 6.2, subclavian 4.2, common
carotid 2.5, internal carotid 2.0, external carotid 1.5, vertebral 1.36, basilar 1.62, MCA 1.43, A1 1.17, A2 1.2, P1 1.07,
P2 1.05, PCoA 0.73, ACoA 0.74 mm; carotids are widened towards 3 mm in the neck, as angiography shows them. Paths were laid
out for this project after textbook proportions; no patient's data went into them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """Control points (x, y, z) [mm] and radii [mm] of one artery on the left or in the midline.

    `parent` is where it starts (the nearest point of that artery), `joins` where it ends. `radius` has two values (linear
    along the path) or one per control point. `label` is the name whose label it carries (its own by default).
    """

    name: str
    parent: str
    points: tuple[tuple[float, float, float], ...]
    radius: tuple[float, ...]
    joins: str = ""
    label: str = ""
    gap_mm: float = 0.8
    wiggle_mm: float = 0.5


ARCH = (
    Course(
        "aortic_arch",
        "",
        ((-19, -17, -40), (-18, -15, 0), (-13, -12, 24), (-3, -6, 38), (10, 4, 41), (20, 16, 32), (25, 26, 12), (26, 30, -40)),
        (13.5, 13.5, 13, 12.3, 11.7, 11.2, 10.8, 10.5),
        wiggle_mm=0,
    ),
    Course("brachiocephalic_trunk", "aortic_arch", ((-5, -7, 38), (-9, -9, 56), (-18, -8, 78)), (6.3, 5.8), wiggle_mm=0.6),
    Course(
        "subclavian_r",
        "brachiocephalic_trunk",
        ((-18, -8, 78), (-26, -3, 87), (-40, 3, 93), (-56, 3, 91), (-76, -5, 86), (-103, -10, 78), (-140, -10, 68)),
        (4.7, 3.9),
    ),
    Course(
        "subclavian_l",
        "aortic_arch",
        ((17, 11, 37), (19, 11, 56), (23, 8, 76), (32, 6, 89), (46, 5, 93), (62, 1, 91), (80, -5, 86), (105, -10, 78), (140, -10, 68)),
        (4.9, 3.9),
    ),
    Course(
        "common_carotid_r",
        "brachiocephalic_trunk",
        ((-18, -8, 78), (-19, -10, 88), (-21, -8, 104), (-24, -5, 125), (-26, -2, 145), (-27, 0, 158)),
        (3.5, 3.2, 3.1, 3.1, 3.2, 4.0),
        wiggle_mm=1.2,
    ),
    Course(
        "common_carotid_l",
        "aortic_arch",
        ((6, 1, 40), (7, -2, 58), (12, -6, 78), (19, -8, 98), (23, -5, 122), (26, -2, 145), (27, 0, 158)),
        (3.7, 3.5, 3.3, 3.1, 3.1, 3.2, 4.0),
        wiggle_mm=1.2,
    ),
)

SIDES = (
    Course(
        "internal_carotid",
        "common_carotid",
        (
            *((27, 0, 158), (30, 3, 164), (32.5, 5, 173), (33, 5, 186), (31, 3, 199), (28, 2, 208), (27, 2, 215), (26.4, 1, 221)),
            *((23.8, -2.5, 226), (18, -9, 229), (13.8, -14, 231.5), (12.4, -16.8, 236), (12.4, -18.5, 241.5), (13, -22, 245.3)),
            *((13, -27.5, 246), (12.6, -32.6, 247.2), (12, -35.6, 250.5), (11.4, -33.6, 254.1), (11.8, -29.4, 255.8)),
            *((13, -25.5, 258.2), (14.5, -22, 262)),
        ),
        (4.0, 3.7, 2.9, 2.6, 2.5, 2.5, 2.5, 2.4, 2.3, 2.3, 2.3, 2.3, 2.2, 2.2, 2.2, 2.2, 2.1, 2.0, 2.0, 1.9, 1.9),
        gap_mm=0.35,
        wiggle_mm=0.5,
    ),
    Course(
        "external_carotid",
        "common_carotid",
        ((27, 0, 158), (24.5, -5, 163), (23.5, -9, 172), (27, -11, 184), (35, -7, 198), (43, -3, 210), (47.5, -3, 221)),
        (2.6, 2.3, 2.1, 2.0, 1.8, 1.7, 1.5),
    ),
    Course(
        "vertebral",
        "subclavian",
        (
            *((25, 7, 80), (22.5, 13, 91), (19, 16.5, 103), (17.5, 16, 114), (17, 12.5, 131), (17, 11, 148), (17, 11.5, 165)),
            *((17.6, 13.4, 177), (21, 15, 184), (26, 14, 192), (28, 12.5, 202), (27.5, 17.5, 207.6), (22, 25.5, 210), (14.5, 26, 212.4)),
            *((9.6, 18, 217), (6.2, 8, 222), (0, 0, 229)),
        ),
        (1.9, 1.4),
        joins="basilar",
        gap_mm=0.9,
        wiggle_mm=0.3,
    ),
    Course(
        "posterior_cerebral",
        "basilar",
        (
            *((0, -13, 257), (5, -13.8, 259), (10.5, -11.6, 259.6), (17, -4, 259), (21, 6, 261), (20, 16, 264), (14, 26, 266)),
            *((11, 33, 267), (12, 45, 268), (11, 60, 267), (8, 74, 263)),
        ),
        (1.25, 1.2, 1.15, 1.1, 1.05, 1.0, 0.9, 0.85, 0.75, 0.65, 0.5),
        wiggle_mm=0.6,
    ),
    Course(
        "middle_cerebral",
        "internal_carotid",
        (
            *((14.5, -22, 262), (22, -24, 264), (30, -25, 263.5), (36, -22, 264.5), (41, -14, 268), (42, -2, 274), (42, 10, 280)),
            *((50, 15, 282), (58, 15, 281), (62, 22, 288), (60, 34, 301), (54, 42, 314)),
        ),
        (1.5, 1.45, 1.4, 1.35, 1.15, 1.05, 0.95, 0.85, 0.75, 0.65, 0.55, 0.45),
        wiggle_mm=0.8,
    ),
    Course(
        "anterior_cerebral",
        "internal_carotid",
        (
            *((14.5, -22, 262), (9.5, -25.5, 264), (4, -30.5, 266), (2.3, -33.5, 268), (2.4, -41, 273), (2.6, -49, 284)),
            *((2.4, -49, 298), (2.2, -39, 308), (2.2, -20, 315.5), (2.2, 0, 318.5), (2.2, 22, 317), (2.2, 38, 309)),
        ),
        (1.25, 1.2, 1.17, 1.2, 1.2, 1.15, 1.05, 0.95, 0.85, 0.75, 0.65, 0.5),
        wiggle_mm=0.35,
    ),
    Course(
        "posterior_communicating",
        "internal_carotid",
        ((13, -25.5, 258.2), (12.4, -19.5, 258.2), (10.5, -11.6, 259.6)),
        (0.75, 0.7),
        joins="posterior_cerebral",
        wiggle_mm=0.2,
    ),
)

BASILAR = Course("basilar", "", ((0, 0, 229), (0.3, -5.5, 238), (0.4, -10.8, 248), (0, -13, 257)), (1.75, 1.55), wiggle_mm=0.6)

CHILDREN = (
    Course("superior_thyroid", "external_carotid", ((24, -7, 167), (20, -13, 162), (17, -17, 148), (15, -17, 130)), (0.9, 0.5)),
    Course("lingual", "external_carotid", ((23.5, -10, 173), (20, -19, 173), (17, -32, 170), (10, -48, 176)), (1.0, 0.6)),
    Course(
        "facial",
        "external_carotid",
        ((24.5, -10, 177), (27, -20, 176), (34, -36, 167), (43, -46, 164), (45, -54, 176), (34, -76, 192), (21, -92, 212)),
        (1.2, 0.6),
        wiggle_mm=1.2,
    ),
    Course(
        "occipital",
        "external_carotid",
        ((25, -10.5, 180), (36, 3, 190), (46, 18, 203), (46, 40, 208), (38, 68, 214), (34, 88, 236), (32, 93, 262)),
        (1.0, 0.5),
        wiggle_mm=1.0,
    ),
    Course(
        "maxillary",
        "external_carotid",
        ((46, -3, 217), (46, -9, 219), (42, -22, 218), (35, -36, 217), (28, -44, 220), (22, -47, 222)),
        (1.4, 0.8),
        wiggle_mm=1.0,
    ),
    Course(
        "middle_meningeal",
        "external_carotid.maxillary",
        ((43, -20, 218), (40, -17, 224), (43, -14, 229.5), (60, -20, 248)),
        (0.7, 0.45),
        gap_mm=0.2,
    ),
    Course(
        "superficial_temporal",
        "external_carotid",
        ((47.5, -3, 221), (58, 0, 224), (70, -2, 234), (75, -8, 252), (77.5, -22, 272), (72, -40, 296)),
        (1.3, 0.6),
        wiggle_mm=1.2,
    ),
    Course(
        "superficial_temporal_parietal",
        "external_carotid.superficial_temporal",
        ((76, -12, 258), (79, 4, 276), (75, 16, 304)),
        (0.9, 0.5),
        wiggle_mm=1.0,
    ),
    Course(
        "superior_trunk",
        "middle_cerebral",
        ((36, -22, 264.5), (40, -19, 272), (41, -10, 282), (41, 0, 291), (51, 0, 293), (59, -2, 293), (62, -3, 306), (56, -3, 322)),
        (1.1, 0.45),
        wiggle_mm=0.8,
    ),
    Course(
        "frontal",
        "middle_cerebral.superior_trunk",
        ((40, -17, 274), (40, -27, 280), (46, -33, 286), (54, -34, 289), (55, -36, 302), (47, -36, 318)),
        (0.85, 0.45),
        wiggle_mm=0.8,
    ),
    Course(
        "central",
        "middle_cerebral.superior_trunk",
        ((41, -3, 288), (50, 9, 297), (59, 12, 304), (56, 14, 320)),
        (0.75, 0.45),
        wiggle_mm=0.7,
    ),
    Course(
        "angular",
        "middle_cerebral",
        ((42, 6, 278), (47, 26, 284), (56, 38, 284), (54, 52, 294), (46, 60, 306)),
        (0.85, 0.45),
        wiggle_mm=0.8,
    ),
    Course(
        "temporal", "middle_cerebral", ((42, 4, 277), (52, 8, 272), (60, 12, 266), (62, 28, 264), (58, 44, 266)), (0.8, 0.45), wiggle_mm=0.8
    ),
    Course(
        "anterior_temporal",
        "middle_cerebral",
        ((30, -25, 263.5), (36, -31, 257), (46, -36, 251), (55, -26, 248), (58, -10, 248)),
        (0.75, 0.45),
    ),
    Course(
        "callosomarginal",
        "anterior_cerebral",
        ((2.5, -50, 294), (3, -56, 305), (3.5, -46, 322), (3.5, -24, 331), (5, -2, 334), (6, 18, 333)),
        (0.85, 0.45),
    ),
    Course("frontopolar", "anterior_cerebral", ((2.6, -47, 281), (3, -58, 284), (4, -70, 292), (5, -70, 308)), (0.75, 0.45)),
    Course("paracentral", "anterior_cerebral", ((2.2, 8, 318.5), (3, 22, 326), (4, 34, 332)), (0.65, 0.45)),
    Course("parieto_occipital", "posterior_cerebral", ((12, 45, 268), (9, 56, 277), (6, 68, 290), (5, 72, 304)), (0.75, 0.45)),
    Course("posterior_temporal", "posterior_cerebral", ((21, 9, 262), (30, 18, 258), (40, 32, 255), (44, 48, 257)), (0.75, 0.45)),
    Course(
        "ophthalmic",
        "internal_carotid",
        ((11.6, -31, 255.3), (14, -38, 251.5), (18, -47, 249), (21, -58, 249), (22, -70, 248)),
        (0.75, 0.5),
        label="unnamed",
        gap_mm=0.3,
        wiggle_mm=0.3,
    ),
    Course(
        "anterior_choroidal",
        "internal_carotid",
        ((14, -23.3, 260.6), (16, -16, 260.5), (22, -5, 263), (26, 6, 267)),
        (0.5, 0.35),
        label="unnamed",
    ),
    Course(
        "pica",
        "vertebral",
        ((9.2, 17, 217.5), (12, 24, 215), (12, 34, 216), (8, 38, 224), (14, 52, 222)),
        (0.75, 0.45),
        label="unnamed",
        wiggle_mm=0.8,
    ),
    Course(
        "aica",
        "basilar",
        ((0.2, -4, 235), (8, -2, 234.5), (17, 3, 234), (24, 12, 238), (34, 24, 240)),
        (0.65, 0.4),
        label="unnamed",
        wiggle_mm=0.4,
    ),
    Course(
        "superior_cerebellar",
        "basilar",
        ((0.2, -12.5, 254.5), (8, -9, 254), (17, 2, 254.5), (21, 14, 257), (17, 28, 264), (10, 42, 270)),
        (0.85, 0.5),
        label="unnamed",
        wiggle_mm=0.4,
    ),
    Course("thyrocervical", "subclavian", ((32, 6, 90), (31, -3, 99), (24, 2, 110), (17, -4, 117)), (1.4, 0.7), label="unnamed"),
    Course(
        "internal_thoracic",
        "subclavian",
        ((34, 5, 90), (30, -14, 74), (20, -34, 50), (18, -40, 20), (18, -42, -40)),
        (1.2, 1.0),
        label="unnamed",
    ),
    Course("costocervical", "subclavian", ((38, 6, 92), (36, 18, 92), (33, 28, 106), (28, 34, 130)), (1.0, 0.6), label="unnamed"),
)
