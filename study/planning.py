"""Tasks of designs that draw nothing: the day and the site say which arm, or every case is processed in both."""

from datetime import datetime

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import Case, Site, Study, Task
from study.allocation import require_eligible
from study.enrolment import get_site, least_busy, technologists_of
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.protocol import Protocol
from study.recording import plan_task
from study.studies import protocol_of


def arms_by_design(protocol: Protocol, *, site: str, now: datetime) -> tuple[str, ...]:
    """The arms in which a case is processed where nothing is drawn, in order.

    Parameters
    ----------
    site : str
        Code of the site; one of the comparison series works by hand throughout.
    now : datetime
        Before the day of go-live (UTC) the arm is `manual`, from then on `ai`.

    Examples
    --------
    >>> from datetime import UTC
    >>> from study.protocol import load_protocol
    >>> plan, day = load_protocol("before_after"), datetime(2027, 3, 1, tzinfo=UTC)
    >>> arms_by_design(plan, site="A", now=day), arms_by_design(plan, site="B", now=day)
    (('ai',), ('manual',))
    """
    plan = protocol.roll_out
    if plan is None:
        return ("manual", "ai")
    switched = site not in plan.comparison_sites and now.date() >= plan.go_live
    return ("ai",) if switched else ("manual",)


def plan_by_design(db_session: Session, *, case: Case, actor: Actor, now: datetime, technologist_id: str | None = None) -> list[Task]:
    """The tasks of an eligible case where the protocol draws nothing; again, those that there are.

    Raises
    ------
    Forbidden
        For a case whose arm must be drawn, or whose eligibility is not locked.
    """
    study = db_session.get_one(Study, case.study_id)
    require(db_session, actor=actor, operation="task.plan", study=study)
    protocol = protocol_of(db_session, study_id=study.id)
    if protocol.allocation.method != "none":
        raise Forbidden(f"the arm of {case.number} is drawn from the sealed list")
    if known := list(db_session.exec(select(Task).where(Task.case_id == case.id).order_by(col(Task.period))).all()):
        return known
    require_eligible(db_session, case=case)
    chosen = technologist_id or least_busy(db_session, study_id=study.id)
    if chosen is None:
        return []
    arms = arms_by_design(protocol, site=db_session.get_one(Site, case.site_id).code, now=now)
    tasks = [
        plan_task(
            db_session, case=case, technologist_id=chosen, arm=arm, period=period, sequence="-".join(arms) if len(arms) > 1 else None,
            instrument=getattr(protocol.arms, arm).instrument, now=now,
        )
        for period, arm in enumerate(arms, start=1)
    ]  # fmt: skip
    case.state = "allocated"
    db_session.add(case)
    db_session.flush()
    return tasks


def require_technologist(db_session: Session, *, account_id: str, name: str, study_id: str) -> str:
    """The account's id; `RejectedInput` unless it processes cases of this study."""
    if account_id not in technologists_of(db_session, study_id=study_id):
        raise RejectedInput("not_a_technologist", f"{name} is no technologist of this study", f"gilbreth users role {name} technologist")
    return account_id


def add_site(db_session: Session, *, study: Study, code: str, name: str, actor: Actor) -> Site:
    """A site that joins a study; its allocation lines are sealed by `study.allocation.seal_list`.

    Raises
    ------
    RejectedInput
        For a code that cannot stand in a table or in the name of a stratum.
    """
    require(db_session, actor=actor, operation="site.add", study=study)
    check_site_code(code)
    return get_site(db_session, code=code, name=name)


def check_site_code(code: str) -> None:
    """Raise `RejectedInput` for a code that cannot be told apart in the name of a stratum.

    Examples
    --------
    >>> check_site_code("S1")
    """
    if not code or len(code) > 20 or not all(character.isalnum() or character in "-_." for character in code):
        raise RejectedInput("bad_code", f"{code!r} cannot be the code of a site", "use up to 20 letters, digits, - and _")


def require_site(db_session: Session, *, code: str) -> None:
    """Raise `RejectedInput` for a site that nobody has added: a slip of the pen would open a list of its own."""
    known = db_session.exec(select(Site.code).order_by(Site.code)).all()
    if code not in known:
        raise RejectedInput("no_such_site", f"there is no site {code!r}", f"use {', '.join(known)}, or gilbreth study add-site {code}")
