"""The study's data for others: tidy CSV and Parquet with a dictionary, REDCap, CDISC ODM-XML, and the inspection copy."""

from study.exports.export import FORMATS, Exported, export_study

__all__ = ["FORMATS", "Exported", "export_study"]
