"""Minutes: mixed model on log minutes where there are several technologists, paired or two-sample methods beside it."""

from typing import Any

import numpy as np
import pandas as pd

from study import statistics
from study.analysis.data import PlanData
from study.analysis.finding import Finding, finding, undone
from study.statistics import StatisticsError

RATIO = "ratio of geometric means, ai / manual"


def paired_minutes(data: PlanData, *, endpoint: str, role: str) -> list[Finding]:
    """Minutes of cases processed both ways.

    Notes
    -----
    Several technologists: log minutes ~ arm + period + sequence + (1|case) + (1 + arm|technologist), REML, Satterthwaite; slopes are
    dropped where they are singular, and the finding says so. One technologist: paired t on logs. Beside it, always: Hodges–Lehmann
    on minutes, and the mean difference with a bootstrap clustered on technologist where there are several.
    """
    pairs = data.pairs("minutes")
    if len(pairs) < 3:
        return [
            undone(
                endpoint=endpoint, role=role, effect=RATIO, unit="ratio", level=data.level, n=len(pairs), why="fewer than 3 complete pairs"
            )
        ]
    both = data.finished[data.finished["case"].isin(pairs.index)]
    manual, ai = pairs["manual"].to_numpy(float), pairs["ai"].to_numpy(float)
    lines = [_primary(data, both, manual, ai, endpoint, role, design="paired")]
    shift = statistics.hodges_lehmann(ai - manual)
    lines.append(finding(shift, endpoint=endpoint, role="supporting", effect="median shift", unit="min", level=data.level))
    lines.append(_mean_difference(data, both, manual, ai, endpoint))
    left_out = data.finished["case"].nunique() - len(pairs)
    return [line.noted(f"{left_out} cases have no finished task in one arm and are left out") if left_out else line for line in lines]


def parallel_minutes(data: PlanData, *, endpoint: str, role: str) -> list[Finding]:
    """Minutes of cases that went one way each.

    Notes
    -----
    log minutes ~ arm + site + (1|technologist); Welch on log minutes and Brunner–Munzel beside it. With fewer than 10 technologists
    a permutation test within sites is added, for asymptotic clustered tests are too sure of themselves there.
    """
    rows = data.finished
    manual, ai = (rows.loc[rows["arm"] == arm, "minutes"].to_numpy(float) for arm in ("manual", "ai"))
    if min(len(manual), len(ai)) < 2:
        return [
            undone(
                endpoint=endpoint, role=role, effect=RATIO, unit="ratio", level=data.level, n=len(rows), why="fewer than 2 tasks in one arm"
            )
        ]
    lines = [_primary(data, rows, manual, ai, endpoint, role, design="parallel")]
    mean = statistics.welch(manual, ai)
    lines.append(finding(mean, endpoint=endpoint, role="supporting", effect="mean difference", unit="min", level=data.level))
    order = statistics.brunner_munzel(manual, ai)
    lines.append(
        finding(
            order, endpoint=endpoint, role="supporting", effect="chance that an AI task takes longer", unit="probability", level=data.level
        )
    )
    if rows["technologist"].nunique() < 10:
        lines.append(_permutation(data, rows, endpoint))
    return lines


def _primary(data: PlanData, rows: pd.DataFrame, manual: Any, ai: Any, endpoint: str, role: str, *, design: str) -> Finding:
    if rows["technologist"].nunique() > 1:
        try:
            return _mixed(data, rows, endpoint, role, design)
        except StatisticsError as error:
            why = f"the mixed model could not be fitted ({error})"
    else:
        why = "one technologist: nothing can be said about others"
    ratio = statistics.geometric_mean_ratio(manual, ai, paired=design == "paired")
    return finding(ratio, endpoint=endpoint, role=role, effect=RATIO, unit="ratio", level=data.level).noted(why)


def _mixed(data: PlanData, rows: pd.DataFrame, endpoint: str, role: str, design: str) -> Finding:
    wanted = ("period", "sequence") if design == "paired" else ("site",)
    fixed = " + ".join(["arm", *(f"C({name})" for name in wanted if rows[name].nunique() > 1 and _free(rows, name))])
    crossed = ["case", "technologist"] if design == "paired" else ["technologist"]
    slopes = [("arm", "technologist")] if design == "paired" else []
    note: tuple[str, ...] = ()
    fit = statistics.mixed_model(rows, value="log_minutes", fixed=fixed, crossed=crossed, slopes=slopes)
    if fit.singular and slopes:
        fit = statistics.mixed_model(rows, value="log_minutes", fixed=fixed, crossed=crossed)
        note = ("the random slope of arm by technologist was singular and was dropped, as the plan says",)
    arm = fit.coefficients["arm"]
    line = finding(arm, endpoint=endpoint, role=role, effect=RATIO, unit="ratio", level=data.level, transform="exp")
    random = " + ".join([*(f"(1|{group})" for group in crossed), *(["(arm|technologist)"] if slopes and not note else [])])
    method = f"log minutes ~ {fixed} + {random}; REML, Satterthwaite df = {arm.df:.1f}, two-sided"
    return Finding(
        **{
            **line.__dict__,
            "method": method,
            "n": len(rows),
            "notes": (*fit.notes, *note, f"{rows['case'].nunique()} cases, {rows['technologist'].nunique()} technologists"),
        }
    )


def _free(rows: pd.DataFrame, name: str) -> bool:
    """Whether a factor is filled in and not the arm by another name."""
    filled = rows[name].astype(str).str.strip() != ""
    return bool(filled.all()) and rows.groupby("arm")[name].nunique().max() > 1


def _mean_difference(data: PlanData, rows: pd.DataFrame, manual: Any, ai: Any, endpoint: str) -> Finding:
    result: Any
    if rows["technologist"].nunique() > 1:
        seed = data.protocol.analysis.seed
        result = statistics.bootstrap_difference(rows, value="minutes", arm="arm", cluster="technologist", draws=10_000, seed=seed)
    else:
        result = statistics.paired_difference(manual, ai)
    return finding(result, endpoint=endpoint, role="supporting", effect="mean difference", unit="min", level=data.level)


def _permutation(data: PlanData, rows: pd.DataFrame, endpoint: str) -> Finding:
    strata = "site" if rows["site"].nunique() > 1 else None
    result = statistics.permutation_test(
        rows, value="log_minutes", arm="arm", strata=strata, draws=10_000, seed=data.protocol.analysis.seed
    )
    estimate = float(np.exp(result.estimate))
    return Finding(
        endpoint,
        "supporting",
        RATIO,
        "ratio",
        estimate,
        None,
        None,
        data.level,
        result.p_value,
        result.method,
        result.n,
        tuple(result.notes),
    )
