"""My record: what is known about the person who looks, to download, and the way out of the study."""

import streamlit as st

from dashboard import amending, own_record
from dashboard.state import text

st.title(text("page.own_record"))
st.caption(text("own_record.lead"))
mine = own_record.mine()
for column, name in zip(st.columns(3), ("tasks", "readings", "events"), strict=True):
    column.metric(text(f"own_record.{name}"), len(mine[name]))
st.download_button(text("own_record.download"), own_record.as_json(mine), "my-record.json", "application/json", key="download")
amending.show()
st.subheader(text("own_record.agreement"))
agreed = own_record.agreement(mine)
if agreed is None:
    st.markdown(text("own_record.none"))
else:
    st.markdown(agreed[0], unsafe_allow_html=True)
    st.markdown(f"> {agreed[1]}")
    st.subheader(text("own_record.withdraw"))
    st.write(text("own_record.why"))
    erase = st.radio(text("own_record.withdraw"), (False, True), format_func=own_record.choice, key="erase", label_visibility="collapsed")
    if st.button(text("own_record.sure"), key="withdraw"):
        own_record.leave(erase=bool(erase))
        st.rerun()
