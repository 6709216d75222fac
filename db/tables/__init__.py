"""Every table, by subject. Rows are built with `Model.model_validate({...})`: a table's constructor validates nothing."""

from db.tables.cases import Allocation, Case, Screening, SealedEntry
from db.tables.machine import ImageSet, Job, Run
from db.tables.people import Account, Consent, LoginSession, RoleGrant, Site
from db.tables.reading import Rating, Reading
from db.tables.records import AuditEntry, Signature
from db.tables.studies import DataQuery, Deviation, KnownChange, ProtocolVersion, Study
from db.tables.work import Event, ImportBatch, Lease, Observation, Task, TaskToken

__all__ = [
    "Account",
    "Allocation",
    "AuditEntry",
    "Case",
    "Consent",
    "DataQuery",
    "Deviation",
    "Event",
    "ImageSet",
    "ImportBatch",
    "Job",
    "KnownChange",
    "Lease",
    "LoginSession",
    "Observation",
    "ProtocolVersion",
    "Rating",
    "Reading",
    "RoleGrant",
    "Run",
    "Screening",
    "SealedEntry",
    "Signature",
    "Site",
    "Study",
    "Task",
    "TaskToken",
]
