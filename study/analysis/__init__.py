"""The plan of a protocol, run as it was fixed: findings, decisions, sensitivity analyses."""

from study.analysis.finding import Finding
from study.analysis.plan import PlanResult, run_plan
from study.analysis.tables import read_readings, read_tasks

__all__ = ["Finding", "PlanResult", "read_readings", "read_tasks", "run_plan"]
