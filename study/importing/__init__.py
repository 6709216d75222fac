"""Tasks and readings recorded elsewhere: read from CSV, every fault told by row, taken in whole or not at all."""

from study.importing.readings import import_readings
from study.importing.table import FaultyTable, RowFault, Table, read_table
from study.importing.tasks import import_tasks

__all__ = ["FaultyTable", "RowFault", "Table", "import_readings", "import_tasks", "read_table"]
