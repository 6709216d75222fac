"""Queue: a reader's own cases in their own order; nothing here tells the arm."""

import streamlit as st

from dashboard import reading, state, work
from dashboard.state import text

st.title(text("page.queue"))
work.ask_consent()
queue = reading.queue()
st.progress(queue.done / queue.total if queue.total else 0.0, text=text("queue.progress").format(done=queue.done, total=queue.total))
st.caption(reading.rest_in_words(queue))
practice = [entry for entry in queue.entries if entry.calibration]
if practice:
    st.info(text("queue.calibration").format(left=len(practice), total=reading.practice_total()), icon=":material/school:")
if queue.waiting and not practice:
    st.caption(text("queue.waiting").format(number=queue.waiting))
if not queue.entries:
    st.info(text("queue.empty"))
    st.caption(reading.next_in_words(queue), unsafe_allow_html=True)
    st.stop()
entry = queue.entries[0]
label = "queue.resume" if entry.state == "open" else "queue.next.calibration" if entry.calibration else "queue.next"
if st.button(text(label).format(number=entry.number), type="primary", key="next", shortcut="Enter"):
    reading.open_entry(entry.reading_id, entry.number)
    st.switch_page(state.page("reading"))
st.caption(text("queue.keys"))
