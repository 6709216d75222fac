"""Reporting checklists, as data: STAMP, CONSORT-AI and DECIDE-AI."""
