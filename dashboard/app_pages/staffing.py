"""Staffing: technologists for a service level, simulated from measured times and arrivals, with scenarios and break-even."""

import streamlit as st

from dashboard import operations, parts, staffing
from dashboard.state import text
from study.errors import RejectedInput

st.title(text("page.staffing"))
operations.banner()
inputs = staffing.ask()
found = staffing.answer(inputs)
if found is not None:
    st.subheader(text("staffing.answer"))
    staffing.headline(found)
    staffing.grid(found)
    st.subheader(text("staffing.three"))
    st.caption(text("staffing.three.help"))
    staffing.three_to_one(found)
    st.subheader(text("staffing.money"))
    staffing.money(found)
    st.caption(text("staffing.simulation"))
with st.expander(text("staffing.erlang")):
    columns = st.columns(4)
    arrivals = columns[0].number_input(text("staffing.arrivals"), 0.5, 1000.0, max(0.5, operations.busy_arrivals()), 0.5)
    level = columns[1].number_input(text("staffing.level"), 0.5, 0.99, 0.8, 0.05)
    within = columns[2].number_input(text("staffing.within"), 1.0, 240.0, 15.0, 1.0)
    occupancy = columns[3].number_input(text("staffing.occupancy"), 0.5, 0.99, 0.85, 0.05)
    options = {"arrivals": arrivals, "level": level, "within": within, "occupancy": occupancy}
    try:
        st.dataframe(operations.roster_table(**options, shrinkage=inputs.target.shrinkage), hide_index=True)
    except RejectedInput as few:
        st.info(few.words)
    st.caption(text("staffing.method"))
parts.claims()
