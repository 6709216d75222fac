"""Who may do what, and in which state of the study: one table, deny by default.

An operation that is not in the table is nobody's. The state of the study is part of the answer, so that a locked study
refuses every write whoever asks.
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import RoleGrant, Study
from study.errors import Forbidden

ROLES = (
    "investigator", "technologist", "reader", "observer", "manager", "monitor", "allocator", "adjudicator", "administrator", "scientist",
)  # fmt: skip
DRAFT, ACTIVE, LOCKED, UNBLINDED, ARCHIVED = "draft", "active", "locked", "unblinded", "archived"
ANY = frozenset({DRAFT, ACTIVE, LOCKED, UNBLINDED, ARCHIVED})
RUNNING = frozenset({ACTIVE})
OPEN_BOOKS = frozenset({DRAFT, ACTIVE})
KNOWN = frozenset({UNBLINDED, ARCHIVED})


@dataclass(frozen=True)
class Rule:
    """Roles that may, and states in which they may."""

    roles: frozenset[str]
    states: frozenset[str] = ANY


def _rule(*roles: str, states: frozenset[str] = ANY) -> Rule:
    return Rule(frozenset(roles), states)


OPERATIONS: dict[str, Rule] = {
    "study.create": _rule("investigator"),
    "study.amend": _rule("investigator", states=OPEN_BOOKS),
    "study.activate": _rule("investigator", states=frozenset({DRAFT})),
    "study.lock": _rule("investigator", states=RUNNING),
    "study.unlock": _rule("investigator", states=frozenset({LOCKED})),
    "study.unblind": _rule("investigator", states=frozenset({LOCKED})),
    "study.archive": _rule("investigator", states=frozenset({UNBLINDED})),
    "study.status": _rule(*ROLES),
    "site.add": _rule("investigator", states=OPEN_BOOKS),
    "case.enrol": _rule("investigator", states=RUNNING),
    "case.withdraw": _rule("investigator", states=RUNNING),
    "allocation.reveal": _rule("investigator", "technologist", states=RUNNING),
    "allocation.list": _rule("allocator"),
    "task.plan": _rule("investigator", states=RUNNING),
    "task.work": _rule("technologist", states=RUNNING),
    "task.observe": _rule("observer", states=RUNNING),
    "task.import": _rule("investigator", states=RUNNING),
    "run.record": _rule("technologist", "scientist", states=RUNNING),
    "images.store": _rule("technologist", "scientist", states=RUNNING),
    "images.settle": _rule("monitor", "scientist", states=RUNNING),
    "reading.assign": _rule("investigator", states=RUNNING),
    "reading.rate": _rule("reader", states=RUNNING),
    "reading.adjudicate": _rule("adjudicator", states=RUNNING),
    "reading.import": _rule("investigator", states=RUNNING),
    "query.raise": _rule("investigator", "monitor", states=RUNNING),
    "query.answer": _rule("technologist", "reader", "investigator", states=RUNNING),
    "query.close": _rule("investigator", "monitor", states=RUNNING),
    "deviation.record": _rule("investigator", "technologist", "monitor", states=RUNNING),
    "consent.give": _rule("technologist", "reader", "observer", states=OPEN_BOOKS),
    "consent.withdraw": _rule("technologist", "reader", "observer"),
    "record.view_own": _rule(*ROLES),
    "accrual.view": _rule("investigator", "manager", "monitor", "administrator"),
    "operations.view": _rule("manager", "investigator", "monitor", states=KNOWN),
    "change.mark": _rule("manager", "investigator", states=frozenset({ACTIVE, UNBLINDED})),
    "outcomes.view": _rule("investigator", "manager", "monitor", states=KNOWN),
    "outcomes.interim": _rule("monitor"),
    "export.data": _rule("investigator", "monitor", states=KNOWN),
    "export.interim": _rule("monitor"),
    "export.inspection": _rule("monitor", "administrator", states=KNOWN),
    "audit.view_blinded": _rule("investigator", "administrator"),
    "audit.view": _rule("monitor"),
    "audit.verify": _rule("administrator", "investigator", "monitor"),
    "users.manage": _rule("administrator"),
    "backup.make": _rule("administrator"),
    "backup.restore": _rule("administrator"),
    "model.manage": _rule("scientist"),
}

# Two of these in one hand would let a person see what the other must not: refused when a role is granted.
KEPT_APART: tuple[tuple[str, str], ...] = (
    *(("monitor", role) for role in ROLES if role != "monitor"),
    ("allocator", "investigator"), ("allocator", "administrator"), ("allocator", "technologist"), ("allocator", "reader"),
    ("adjudicator", "investigator"), ("adjudicator", "technologist"), ("adjudicator", "allocator"), ("adjudicator", "administrator"),
    ("adjudicator", "reader"), ("reader", "technologist"), ("reader", "observer"), ("reader", "allocator"),
    ("reader", "administrator"), ("adjudicator", "observer"), ("reader", "scientist"), ("adjudicator", "scientist"),
)  # fmt: skip
OPERATIONS_OPEN_TO = "operations.view"


def may(role: str, operation: str, state: str | None, *, open_operations: bool = False) -> bool:
    """Whether a role may do an operation in a state of the study (None: outside any study).

    Examples
    --------
    >>> may("reader", "reading.rate", "active"), may("reader", "reading.rate", "locked"), may("reader", "anything", "active")
    (True, False, False)
    """
    rule = OPERATIONS.get(operation)
    if rule is None or role not in rule.roles:
        return False
    if operation == OPERATIONS_OPEN_TO and open_operations:
        return True
    return state is None or state in rule.states


def roles_of(db_session: Session, *, account_id: str, study_id: str | None = None) -> frozenset[str]:
    """The roles an account holds now, everywhere or in one study."""
    statement = select(RoleGrant.role).where(RoleGrant.account_id == account_id, col(RoleGrant.revoked_at).is_(None))
    if study_id is not None:
        statement = statement.where(col(RoleGrant.study_id).is_(None) | (RoleGrant.study_id == study_id))
    return frozenset(db_session.exec(statement).all())


def require(db_session: Session, *, actor: Actor, operation: str, study: Study | None = None, open_operations: bool = False) -> None:
    """Raise `Forbidden` unless the actor holds the role it acts in, and that role may do this now.

    Notes
    -----
    The role is looked up in the database each time: a role taken away is gone at once, whatever a browser still shows.
    """
    state = study.state if study else None
    if not may(actor.role, operation, state, open_operations=open_operations):
        rule = OPERATIONS.get(operation)
        if rule is not None and actor.role in rule.roles:
            possible = ", ".join(sorted(rule.states))
            raise Forbidden(f"{operation} is not possible while the study is {state}; possible while {possible}", state=state)
        allowed = ", ".join(sorted(rule.roles)) if rule else "nobody"
        raise Forbidden(f"{operation} is not allowed for the role {actor.role}; allowed for {allowed}")
    held = roles_of(db_session, account_id=actor.account_id, study_id=study.id if study else None) if actor.account_id else frozenset()
    if actor.role not in held:
        raise Forbidden(f"{actor.account} does not hold the role {actor.role} here; an administrator can grant it")
