"""Queue: a reader's own cases in their own order; nothing here tells the arm."""

import streamlit as st

from dashboard import reading, state, work
from dashboard.state import text

st.title(text("page.queue"))
work.ask_consent()
queue = reading.queue()
st.progress(queue.done / queue.total if queue.total else 0.0, text=text("queue.progress").format(done=queue.done, total=queue.total))
if queue.waiting:
    st.caption(text("queue.waiting").format(number=queue.waiting))
if not queue.entries:
    st.info(text("queue.empty"))
    st.stop()
entry = queue.entries[0]
if st.button(text("queue.next").format(number=entry.number), type="primary", key="next"):
    reading.open_entry(entry.reading_id)
    st.switch_page(state.page("reading"))
st.caption(text("queue.keys"))
