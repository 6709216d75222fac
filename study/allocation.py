"""Who goes which way, drawn so that nobody can foretell it: lists are made, sealed, and opened one case at a time.

The list is encrypted line by line; the key lives in a file outside the database. Every line has the same length, so its
ciphertext says nothing. For minimisation the lines hold the numbers of the biased coin instead of the arms.
"""

import hashlib
import itertools
import json
import os
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from sqlmodel import Session, col, func, select

from db.audit import Actor, record
from db.tables import Allocation, Case, Screening, SealedEntry, Site, Study
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.protocol import Protocol
from study.studies import protocol_of

COIN = "coin"


@dataclass(frozen=True)
class Revealed:
    """What was drawn for a case: `sequence` is an arm, or two arms in order; `new` is false when it was drawn before."""

    case_number: str
    sequence: str
    stratum: str
    position: int
    new: bool

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms in order."""
        return tuple(self.sequence.split("-"))


def choices_of(protocol: Protocol) -> tuple[str, str]:
    """The two things between which is drawn."""
    return ("manual-ai", "ai-manual") if protocol.design in ("paired", "multi_reader") else ("manual", "ai")


def permuted_blocks(*, length: int, block_sizes: Sequence[int], choices: Sequence[str], seed: int | str) -> list[str]:
    """A list in blocks of random size, each block balanced and shuffled; whole blocks, so at least `length` long.

    Examples
    --------
    >>> drawn = permuted_blocks(length=8, block_sizes=[4], choices=("manual", "ai"), seed=1)
    >>> len(drawn), drawn.count("ai"), drawn[:4].count("ai")
    (8, 4, 2)
    """
    generator = random.Random(seed)
    drawn: list[str] = []
    while len(drawn) < length:
        block = list(choices) * (generator.choice(list(block_sizes)) // len(choices))
        generator.shuffle(block)
        drawn += block
    return drawn


def latin_square(size: int) -> list[list[int]]:
    """Orders in which every item comes once at every place and follows every other equally often (Williams).

    Examples
    --------
    >>> latin_square(4)
    [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]]

    References
    ----------
    Williams EJ. Aust J Sci Res A 1949;2:149-168, doi 10.1071/CH9490149
    """
    first = [0]
    for step in range(1, size):
        first.append((first[-1] + (step if step % 2 else size - step)) % size)
    square = [[(place + row) % size for place in first] for row in range(size)]
    return square if size % 2 == 0 else square + [row[::-1] for row in square]


def strata_of(protocol: Protocol, *, sites: Sequence[str]) -> list[str]:
    """Every stratum of a protocol, as text such as `site=S1|priority=elective`."""
    if protocol.allocation.method == "minimisation":
        return [COIN]
    factors = [[f"site={site}" for site in sites]] if protocol.allocation.by_site else []
    factors += [[f"{factor.name}={level}" for level in factor.levels] for factor in protocol.allocation.strata]
    return ["|".join(levels) for levels in itertools.product(*factors)] if factors else ["all"]


def stratum_of(protocol: Protocol, *, case: Case, site: str) -> str:
    """The stratum of a case.

    Raises
    ------
    RejectedInput
        When the case lacks a factor of the protocol.
    """
    if protocol.allocation.method == "minimisation":
        return COIN
    parts = [f"site={site}"] if protocol.allocation.by_site else []
    for factor in protocol.allocation.strata:
        level = case.strata.get(factor.name)
        if level not in factor.levels:
            found = f"case {case.number} has no {factor.name}" if level is None else f"case {case.number} has {factor.name} {level!r}"
            raise RejectedInput("no_stratum", found, f"enrol with --stratum {factor.name}={'|'.join(factor.levels)}")
        parts.append(f"{factor.name}={level}")
    return "|".join(parts) or "all"


def make_key(path: Path) -> bytes:
    """The sealing key in a file that only its owner reads; made when absent, never overwritten."""
    if path.exists():
        return path.read_bytes().strip()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Fernet.generate_key()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + b"\n")
    return key


def read_key(path: Path) -> bytes:
    """The sealing key; raises `Forbidden` when this process cannot reach it."""
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise Forbidden(f"the allocation key cannot be read ({error.strerror}); the allocator keeps it") from error


def fingerprint(key: bytes) -> str:
    """Tells keys apart without telling the key."""
    return hashlib.sha256(key).hexdigest()[:16]


def seal_list(db_session: Session, *, study: Study, key: bytes, now: datetime, seed: int | None = None) -> int:
    """Make and seal the list of every stratum, or what it lacks after a site or cases were added; returns how many lines were sealed.

    Parameters
    ----------
    seed : int, optional
        Of the generator; drawn at random when absent, and never stored in the clear.
    """
    protocol = protocol_of(db_session, study_id=study.id)
    if protocol.allocation.method == "none":
        return 0
    sites = db_session.exec(select(Site.code).order_by(Site.code)).all()
    last = select(SealedEntry.stratum, func.max(SealedEntry.position)).where(SealedEntry.study_id == study.id)
    present = {stratum: int(number) for stratum, number in db_session.execute(last.group_by(SealedEntry.stratum)).all()}
    seed = secrets.randbits(128) if seed is None else seed
    sealed = 0
    for stratum in strata_of(protocol, sites=sites):
        have = present.get(stratum, 0)
        lines = _lines(protocol, have=have, seed=f"{seed}/{study.id}/{stratum}/{have}")
        for position, line in enumerate(lines, start=have + 1):
            values = {
                "study_id": study.id, "stratum": stratum, "position": position, "created_at": now, "key_fingerprint": fingerprint(key),
                "ciphertext": Fernet(key).encrypt(f"{study.id}|{stratum}|{position:06d}|{line}".encode()),
            }  # fmt: skip
            db_session.add(SealedEntry.model_validate(values))
        sealed += len(lines)
    db_session.flush()
    return sealed


def _lines(protocol: Protocol, *, have: int, seed: str) -> list[str]:
    """The lines that a list of so many lacks, all of one length: an index into the choices, or a number of the coin."""
    part, cases = protocol.allocation, protocol.study.cases
    if part.method == "minimisation":
        generator = random.Random(seed)
        return [f"{generator.random():.12f}" for _ in range(cases * 2 - have)]
    return permuted_blocks(length=cases - have, block_sizes=part.block_sizes, choices=("0", "1"), seed=seed)


def _open_line(entry: SealedEntry, *, key: bytes) -> str:
    try:
        plain = Fernet(key).decrypt(entry.ciphertext).decode()
    except InvalidToken as error:
        raise Forbidden(
            "the sealed list does not open: another key, or the line was changed; stop enrolment and call the allocator"
        ) from error
    line = plain.rsplit("|", 1)[1]
    if plain != f"{entry.study_id}|{entry.stratum}|{entry.position:06d}|{line}":
        raise Forbidden("a line of the sealed list was moved; stop enrolment and call the allocator")
    return line


def reveal(db_session: Session, *, case: Case, key: bytes, actor: Actor, now: datetime) -> Revealed:
    """Draw for one case: the next line of its stratum, never another, never twice.

    Raises
    ------
    Forbidden
        Before eligibility is locked, for an excluded or a training case, or when the list does not open.
    """
    study = db_session.get_one(Study, case.study_id)
    require(db_session, actor=actor, operation="allocation.reveal", study=study)
    drawn = db_session.exec(select(Allocation).where(Allocation.case_id == case.id)).first()
    if drawn is not None:
        return Revealed(case.number, drawn.sequence, drawn.stratum, drawn.position, new=False)
    require_eligible(db_session, case=case)
    protocol = protocol_of(db_session, study_id=study.id)
    if protocol.allocation.method == "none":
        raise Forbidden(f"a {protocol.design} design draws no arms")
    stratum = stratum_of(protocol, case=case, site=db_session.get_one(Site, case.site_id).code)
    position = _next_position(db_session, study_id=study.id, stratum=stratum)
    entry = db_session.exec(
        select(SealedEntry).where(SealedEntry.study_id == study.id, SealedEntry.stratum == stratum, SealedEntry.position == position)
    ).first()
    if entry is None:
        raise Forbidden(
            f"the sealed list of {stratum} has no line {position}; a new site joins with gilbreth study add-site, "
            "more cases come with an amendment of [study] cases"
        )
    line = _open_line(entry, key=key)
    if protocol.allocation.method == "minimisation":
        sequence = _minimise(db_session, protocol=protocol, case=case, coin=float(line))
    else:
        sequence = choices_of(protocol)[int(line)]
    values = {
        "study_id": study.id, "case_id": case.id, "stratum": stratum, "position": position, "sequence": sequence,
        "method": protocol.allocation.method, "revealed_at": now, "revealed_by": actor.account,
    }  # fmt: skip
    db_session.add(Allocation.model_validate(values))
    case.state = "allocated"
    db_session.add(case)
    db_session.flush()
    return Revealed(case.number, sequence, stratum, position, new=True)


def require_eligible(db_session: Session, *, case: Case) -> None:
    """Raise `Forbidden` unless a case's eligibility is locked and says yes."""
    if case.training:
        raise Forbidden(f"{case.number} is a training case: it takes no line of the list; both arms are practised")
    screening = db_session.exec(select(Screening).where(Screening.case_id == case.id)).first()
    if screening is None or screening.locked_at is None:
        raise Forbidden(f"the eligibility of {case.number} is not locked yet; record and lock it before the arm is drawn")
    if not screening.eligible or case.state not in ("eligible",):
        raise Forbidden(f"case {case.number} is {case.state}; only eligible cases are allocated")


def _next_position(db_session: Session, *, study_id: str, stratum: str) -> int:
    last = select(func.max(Allocation.position)).where(Allocation.study_id == study_id, Allocation.stratum == stratum)
    return int(db_session.exec(last).one() or 0) + 1


def _minimise(db_session: Session, *, protocol: Protocol, case: Case, coin: float) -> str:
    """Pocock and Simon: the choice with the smaller sum of marginal counts, with the probability of the biased coin.

    References
    ----------
    Pocock SJ, Simon R. Biometrics 1975;31:103-115, doi 10.2307/2529712
    """
    first, second = choices_of(protocol)
    rows = db_session.execute(
        select(Allocation.sequence, Case.strata, Case.site_id)
        .join(Case, col(Case.id) == Allocation.case_id)
        .where(Allocation.study_id == case.study_id)
    ).all()
    names = [factor.name for factor in protocol.allocation.strata]
    balance = 0
    for sequence, strata, site_id in rows:
        alike = sum(strata.get(name) == case.strata.get(name) for name in names) + (protocol.allocation.by_site and site_id == case.site_id)
        balance += alike if sequence == first else -alike
    if balance == 0:
        return first if coin < 0.5 else second
    preferred, other = (second, first) if balance > 0 else (first, second)
    return preferred if coin < protocol.allocation.biased_coin else other


def opened_list(db_session: Session, *, study: Study, key: bytes, actor: Actor) -> str:
    """The whole list in the clear, for the allocator alone; the look is audited."""
    require(db_session, actor=actor, operation="allocation.list", study=study)
    record(db_session, operation="view_allocation_list", entity="study", entity_id=study.id)
    statement = select(SealedEntry).where(SealedEntry.study_id == study.id)
    entries = db_session.exec(statement.order_by(SealedEntry.stratum, col(SealedEntry.position))).all()
    lines = [{"stratum": entry.stratum, "position": entry.position, "line": _open_line(entry, key=key)} for entry in entries]
    return json.dumps(lines)
