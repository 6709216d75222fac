"""The report of a study: one document, written as HTML, PDF and DOCX."""

from study.report.build import build_report
from study.report.document import Document
from study.report.material import Material, from_home, from_tables
from study.report.write import parse_formats, write_report

__all__ = ["Document", "Material", "build_report", "from_home", "from_tables", "parse_formats", "write_report"]
