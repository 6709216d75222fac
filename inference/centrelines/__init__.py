"""Centrelines of arteries: ordered points with radius, in LPS millimetres, from masks alone."""

from inference.centrelines.centreline import Centreline, join, read_csv, write_all, write_csv
from inference.centrelines.tracing import trace, trace_path

__all__ = ["Centreline", "join", "read_csv", "trace", "trace_path", "write_all", "write_csv"]
