"""The arteries by label and name, and the ten regions that readers rate.

Right and left are the patient's.

Examples
--------
>>> LABELS[7], NUMBERS["basilar"], REGIONS["vertebral"]
('internal_carotid_r', 13, (11, 12))
"""

LABELS: dict[int, str] = {
    1: "aortic_arch",
    2: "brachiocephalic_trunk",
    3: "subclavian_r",
    4: "subclavian_l",
    5: "common_carotid_r",
    6: "common_carotid_l",
    7: "internal_carotid_r",
    8: "internal_carotid_l",
    9: "external_carotid_r",
    10: "external_carotid_l",
    11: "vertebral_r",
    12: "vertebral_l",
    13: "basilar",
    14: "middle_cerebral_r",
    15: "middle_cerebral_l",
    16: "anterior_cerebral_r",
    17: "anterior_cerebral_l",
    18: "posterior_cerebral_r",
    19: "posterior_cerebral_l",
    20: "anterior_communicating",
    21: "posterior_communicating_r",
    22: "posterior_communicating_l",
    99: "unnamed",
}

NUMBERS: dict[str, int] = {name: number for number, name in LABELS.items()}

REGIONS: dict[str, tuple[int, ...]] = {
    "aortic_arch": (1, 2),
    "subclavian": (3, 4),
    "common_carotid": (5, 6),
    "internal_carotid": (7, 8),
    "external_carotid": (9, 10),
    "vertebral": (11, 12),
    "basilar": (13,),
    "middle_cerebral": (14, 15),
    "anterior_cerebral": (16, 17, 20),
    "posterior_cerebral": (18, 19, 21, 22),
}
