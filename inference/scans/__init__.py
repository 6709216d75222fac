"""Scans in: untrusted files are parsed in a child process with limits, and become a `Volume` or a named rejection."""
