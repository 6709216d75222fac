"""Keyed pseudonyms, UIDs and date shifts: stable for one key, irreversible without it. The key is never stored with the data."""

import hashlib
import hmac
from datetime import date, timedelta

_LEAST_KEY_BYTES = 16


def _digest(key: bytes, kind: str, value: str) -> bytes:
    if len(key) < _LEAST_KEY_BYTES:
        raise ValueError(f"expected a key of at least {_LEAST_KEY_BYTES} bytes, got {len(key)}; use the site key")
    return hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).digest()


def keyed_id(value: str, *, key: bytes, kind: str = "patient") -> str:
    """An id of 16 characters.

    Examples
    --------
    >>> keyed_id("MRN1", key=b"k" * 32) == keyed_id("MRN1", key=b"k" * 32) != keyed_id("MRN2", key=b"k" * 32)
    True
    """
    return "G" + _digest(key, kind, value).hex()[:15].upper()


def keyed_uid(value: str, *, key: bytes) -> str:
    """A UID under 2.25 (PS3.5 B.2): the same source UID gives the same one, so that references between files stay whole.

    Examples
    --------
    >>> keyed_uid("1.2.3", key=b"k" * 32).startswith("2.25.")
    True
    """
    return f"2.25.{int.from_bytes(_digest(key, 'uid', value)[:16], 'big')}"


def shifted_date(text: str, *, patient: str, key: bytes) -> str:
    """A DICOM date moved by one to 730 days into the past, by the same number of days for all dates of a patient.

    Examples
    --------
    >>> shifted_date("20260309", patient="MRN1", key=b"k" * 32) < "20260309"
    True
    >>> shifted_date("no date", patient="MRN1", key=b"k" * 32)
    ''
    """
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        days = int.from_bytes(_digest(key, "days", patient)[:4], "big") % 730 + 1
        return (day - timedelta(days=days)).strftime("%Y%m%d")
    except (ValueError, OverflowError):
        return ""
