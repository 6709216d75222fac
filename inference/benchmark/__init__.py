"""Each stage of a reconstruction timed against a named rival, in turns, in one run. A figure, never a gate."""

from inference.benchmark.run import STAGES, Growth, Timing, growth_table, run_growth, run_stages, table

__all__ = ["STAGES", "Growth", "Timing", "growth_table", "run_growth", "run_stages", "table"]
