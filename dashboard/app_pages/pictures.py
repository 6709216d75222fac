"""Pictures: what the AI arm made of a case, turned by hand, with the automatic check and the machine's time."""

import streamlit as st

from dashboard import parts, state
from dashboard.state import text
from study.gallery import find_records, frames_of, in_words

st.title(text("page.pictures"))
records = find_records(state.reconstructions())
if not records:
    st.info(text("no_pictures"))
    st.stop()
name = st.selectbox(text("pictures.case"), list(records), key="picture_case")
record = records[name]
views = frames_of(record)
left, right = st.columns([3, 2])
with left:
    first = next(iter(views))
    view = st.segmented_control(text("pictures.view"), list(views), default=first, format_func=in_words, key="picture_view") or first
    frames = views[view]
    angle = st.select_slider(text("pictures.angle"), list(frames), key=f"angle_{view}") if len(frames) > 1 else next(iter(frames))
    st.image(str(frames[angle]), width="stretch")
with right:
    st.subheader(f"{text('pictures.verdict')}: {record.verdict}")
    for finding in record.findings:
        st.markdown(f"- {finding}")
    st.subheader(text("pictures.vessels"))
    st.write(", ".join(record.vessels) or "–")
    st.subheader(text("pictures.stages"))
    st.dataframe(record.stages, hide_index=True, height="content")
    st.caption(record.made_by)
parts.claims()
