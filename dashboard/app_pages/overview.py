"""Overview: minutes saved, quality kept, staff freed, trend and the next decision on one page, and the same page as PDF."""

from functools import partial

import streamlit as st

from dashboard import operations
from dashboard.state import text
from db.base import utc_now
from study.overview import pdf

st.title(text("page.overview"))
study = operations.permitted()[0]
operations.banner()
found = operations.overview_page()
st.caption(found.subtitle)
for column, tile in zip(st.columns(len(found.tiles)), found.tiles, strict=True):
    with column.container(border=True, height="stretch"):  # a metric would cut the interval off
        st.caption(tile.label)
        st.markdown(f"#### {tile.value}")
        st.caption(tile.detail)
st.info(f"**{text('overview.decision')}.** {found.decision}", icon=":material/signpost:")
if found.figure is not None:
    st.plotly_chart(found.figure, key="chart-trend")
    st.caption(found.caption)
for note in found.notes:
    st.caption(note)
name = f"overview-{study.name}.pdf"
st.download_button(text("overview.pdf"), partial(pdf, found, made_at=utc_now()), file_name=name, mime="application/pdf", on_click="ignore")
