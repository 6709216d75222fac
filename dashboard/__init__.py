"""Streamlit pages, kept thin."""
