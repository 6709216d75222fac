"""Staffing: how many technologists a service level asks for, from measured minutes, with an interval."""

import streamlit as st

from dashboard import operations, parts
from dashboard.state import text
from study.operations import busy_hour_arrivals

st.title(text("page.staffing"))
tasks, change = operations.tasks_and_change()
parts.banner()
recent = operations.since(tasks, change)
columns = st.columns(5)
arrivals = columns[0].number_input(text("staffing.arrivals"), 0.5, 100.0, round(busy_hour_arrivals(recent), 1), 0.5)
level = columns[1].number_input(text("staffing.level"), 0.5, 0.99, 0.8, 0.05)
within = columns[2].number_input(text("staffing.within"), 1.0, 240.0, 15.0, 1.0)
occupancy = columns[3].number_input(text("staffing.occupancy"), 0.5, 0.99, 0.85, 0.05)
shrinkage = columns[4].number_input(text("staffing.shrinkage"), 0.0, 0.6, 0.2, 0.05)
table = operations.roster_table(arrivals=arrivals, level=level, within=within, occupancy=occupancy, shrinkage=shrinkage)
st.dataframe(table, hide_index=True)
st.markdown(text("staffing.three_to_one"))
st.caption(text("staffing.method"))
parts.claims()
