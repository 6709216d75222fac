"""What a report is made of: the tables, the protocol, and what else the database knows about the study."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import sqlalchemy
from sqlalchemy import Engine
from sqlmodel import Session, col

from db.engine import snapshot
from db.frames import erased
from db.tables import Account, Allocation, Case, Consent, Deviation, ImageSet, ProtocolVersion, Reading, Run, Screening, Site, Study, Task
from study.analysis import PlanResult, run_plan
from study.analysis.data import PlanData
from study.outcomes import read_outcomes
from study.protocol import Protocol
from study.studies import find_study

select: Any = sqlalchemy.select
READINGS = ("case", "reader", "arm", "round", "region", "quality", "passed", "reason")
CASES = [
    "case", "state", "site", "sex", "age_band", "scanner", "ctdi_vol_mgy", "dlp_mgy_cm", "scans", "features", "strata", "training",
    "withdrawn_at", "eligible", "reasons", "sequence",
]  # fmt: skip
RUNS = [
    "case",
    "state",
    "method",
    "model_name",
    "model_version",
    "model_sha256",
    "device",
    "engine",
    "software_version",
    "verdict",
    "failure",
]


@dataclass(frozen=True)
class Material:
    """Everything the report says is taken from here.

    Parameters
    ----------
    protocol : Protocol
    tasks, readings : pandas.DataFrame
        Columns of `tasks.csv` and `readings.csv`.
    result : PlanResult
        The plan, run on them.
    cases, runs, deviations, guesses, amendments : pandas.DataFrame or None
        None where only tables were given: then nothing is known about it, which is not the same as none.
    study : dict
        Name, state and dates of a study of a home.
    """

    protocol: Protocol
    tasks: pd.DataFrame
    readings: pd.DataFrame
    result: PlanResult
    cases: pd.DataFrame | None = None
    runs: pd.DataFrame | None = None
    deviations: pd.DataFrame | None = None
    guesses: pd.DataFrame | None = None
    amendments: pd.DataFrame | None = None
    consents: int | None = None
    study: dict[str, str] = field(default_factory=dict)
    marked_simulated: bool = False

    @property
    def data(self) -> PlanData:
        """The tables as the plan sees them."""
        return PlanData(self.protocol, self.tasks, self.readings)

    @property
    def simulated(self) -> bool:
        """Whether the study or the tables say that they are simulated."""
        return self.marked_simulated or self.result.simulated

    @property
    def paired(self) -> bool:
        """Whether every case goes both ways."""
        return self.protocol.design in ("paired", "multi_reader")

    @property
    def data_sha256(self) -> str:
        """Hash of both tables as CSV, rows sorted, so that the order of reading them in does not matter."""
        digest = hashlib.sha256()
        for frame in (self.tasks, self.readings):
            digest.update("\n".join(sorted(frame.to_csv(index=False, header=False).splitlines())).encode())
        return digest.hexdigest()


def from_tables(protocol: Protocol, tasks: pd.DataFrame, readings: pd.DataFrame | None) -> Material:
    """Material of a study done elsewhere."""
    rated = readings if readings is not None else pd.DataFrame({name: [] for name in READINGS})
    return Material(protocol, tasks, rated, run_plan(protocol, tasks, rated))


def from_home(engine: Engine, *, study_id: str) -> Material:
    """Material of a study of a home; call `permit_outcomes` first, in the name of whoever will see it."""
    outcomes = read_outcomes(engine, study_id=study_id)
    with snapshot(engine) as db_session:
        study = find_study(db_session, study=study_id)
        return Material(
            protocol=outcomes.protocol,
            tasks=outcomes.tasks,
            readings=outcomes.readings,
            result=run_plan(outcomes.protocol, outcomes.tasks, outcomes.readings),
            cases=_cases(db_session, study.id),
            runs=_runs(db_session, study.id),
            deviations=_deviations(db_session, study.id),
            guesses=_guesses(db_session, study.id),
            amendments=_amendments(db_session, study.id),
            consents=_consents(db_session, study.id),
            study=_facts(study),
            marked_simulated=study.simulated,
        )


def _facts(study: Study) -> dict[str, str]:
    dates = {name: getattr(study, f"{name}_at") for name in ("created", "activated", "locked", "unblinded")}
    return {"name": study.name, "state": study.state, **{name: f"{when:%Y-%m-%d}" for name, when in dates.items() if when}}


def _frame(db_session: Session, statement: Any, columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame.from_records(db_session.execute(statement).all(), columns=columns)


def _cases(db_session: Session, study_id: str) -> pd.DataFrame:
    statement = (
        select(
            Case.number, Case.state, Site.code, Case.sex, Case.age_band, Case.scanner, Case.ctdi_vol_mgy, Case.dlp_mgy_cm, Case.scans,
            Case.features, Case.strata, Case.training, Case.withdrawn_at, Screening.eligible, Screening.reasons, Allocation.sequence,
        )
        .join(Site, col(Site.id) == Case.site_id)
        .outerjoin(Screening, col(Screening.case_id) == Case.id)
        .outerjoin(Allocation, col(Allocation.case_id) == Case.id)
        .where(Case.study_id == study_id)
        .order_by(Case.number)
    )  # fmt: skip
    return _frame(db_session, statement, CASES)


def _runs(db_session: Session, study_id: str) -> pd.DataFrame:
    statement = (
        select(
            Case.number, Run.state, Run.method, Run.model_name, Run.model_version, Run.model_sha256, Run.device, Run.engine,
            Run.software_version, Run.verdict, Run.failure,
        )
        .join(Case, col(Case.id) == Run.case_id)
        .where(Case.study_id == study_id)
        .order_by(Case.number, Run.started_at, Run.id)
    )  # fmt: skip
    return _frame(db_session, statement, RUNS)


def _deviations(db_session: Session, study_id: str) -> pd.DataFrame:
    statement = (
        select(Deviation.recorded_at, Deviation.kind, Case.number, Deviation.description)
        .outerjoin(Case, col(Case.id) == Deviation.case_id)
        .where(Deviation.study_id == study_id)
        .order_by(Deviation.recorded_at, Deviation.description)
    )
    return _frame(db_session, statement, ["recorded_at", "kind", "case", "description"])


def _guesses(db_session: Session, study_id: str) -> pd.DataFrame:
    statement = (
        select(Task.arm, Reading.guess, Account.code)
        .join(ImageSet, col(ImageSet.id) == Reading.image_set_id)
        .join(Task, col(Task.id) == ImageSet.task_id)
        .join(Account, col(Account.id) == Reading.reader_id)
        .where(Reading.study_id == study_id, Reading.state == "submitted", Reading.purpose == "primary", col(Reading.guess).is_not(None))
        .where(~erased(Reading.reader_id, Reading.study_id, Reading.assigned_at))
    )
    return _frame(db_session, statement, ["arm", "guess", "reader"])


def _consents(db_session: Session, study_id: str) -> int:
    return int(
        db_session.execute(
            select(sqlalchemy.func.count(sqlalchemy.distinct(col(Consent.account_id)))).where(Consent.study_id == study_id)
        ).scalar_one()
    )


def _amendments(db_session: Session, study_id: str) -> pd.DataFrame:
    statement = (
        select(ProtocolVersion.number, ProtocolVersion.created_at, ProtocolVersion.reason, ProtocolVersion.sha256)
        .where(ProtocolVersion.study_id == study_id)
        .order_by(ProtocolVersion.number)
    )
    return _frame(db_session, statement, ["number", "created_at", "reason", "sha256"])
