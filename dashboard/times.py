"""Points in time on pages: in the zone of the person's browser, with UTC under the pointer."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def moment(at: datetime, *, zone: str | None = None) -> str:
    """HTML of a moment: local time to read, UTC as its tooltip and for machines.

    Parameters
    ----------
    at : datetime
        With its zone.
    zone : str, optional
        Name of a time zone; the browser's by default, UTC where it tells none.

    Examples
    --------
    >>> print(moment(datetime(2026, 11, 23, 19, 5, tzinfo=UTC), zone="Asia/Shanghai"))
    <time datetime="2026-11-23T19:05:00Z" title="2026-11-23 19:05:00 UTC">2026-11-24 03:05</time>
    """
    utc = at.astimezone(UTC)
    local = at.astimezone(_zone(zone or st.context.timezone))
    return f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}" title="{utc:%Y-%m-%d %H:%M:%S} UTC">{local:%Y-%m-%d %H:%M}</time>'


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
