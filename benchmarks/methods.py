"""Simulated whole studies: type I error, coverage and power of each default method, written into docs/methods.md.

    python benchmarks/methods.py [--only NAME ..] [--studies 2000] [--out out/methods]
    python benchmarks/methods.py --write          # the table from what has been run so far

Every study has a seed of its own (base seed, method, number), so a run that was stopped goes on where it ended and a longer one
contains a shorter one. Effects that only shift the data (log ratios, level changes, location shifts) are estimated
equivariantly: the same fits then give type I error, coverage and, with the interval moved by the effect, power.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from study import statistics as st

ROOT = Path(__file__).parents[1]
SEED = 20201001
LEVEL = 0.95
LOG_SD = {"manual": float(np.sqrt(np.log1p((3.64 / 14.22) ** 2))), "ai": float(np.sqrt(np.log1p((0.36 / 4.94) ** 2)))}
Draw = Callable[[np.random.Generator], dict[str, bool]]


def paired_tasks(rng: np.random.Generator, *, cases: int, technologists: int, saving_sd: float) -> pd.DataFrame:
    """Log minutes with the spread of the founding paper and no effect of the arm; technologists may differ in what AI saves them."""
    case, person = rng.standard_normal(cases), rng.standard_normal(technologists)
    saving, who = saving_sd * rng.standard_normal(technologists), rng.permutation(np.arange(cases) % technologists)
    ai_first = rng.permutation(np.arange(cases) % 2 == 0)
    frames = []
    for arm in ("manual", "ai"):
        noise = LOG_SD[arm] * rng.standard_normal(cases)
        y = 1.0 + 0.1 * case + 0.08 * person[who] + noise + (saving[who] if arm == "ai" else 0.0)
        period = np.where(ai_first == (arm == "ai"), 1, 2)
        sequence = np.where(ai_first, "ai-manual", "manual-ai")
        columns = {"case": np.arange(cases), "technologist": who, "arm": arm, "period": period, "sequence": sequence, "log_minutes": y}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def moved(interval: Any, *, effect: float) -> dict[str, bool]:
    """Coverage and type I error at no effect, power at `effect`, of an estimator that moves with the data."""
    return {"covered": interval.low <= 0 <= interval.high, "rejected": not interval.low <= 0 <= interval.high,
            "found": not interval.low + effect <= 0 <= interval.high + effect}  # fmt: skip


def minutes_model(rng: np.random.Generator, *, technologists: int, saving_sd: float, cases: int) -> dict[str, bool]:
    """The plan's model: slopes first, dropped where singular."""
    rows = paired_tasks(rng, cases=cases, technologists=technologists, saving_sd=saving_sd)
    options: dict[str, Any] = {"value": "log_minutes", "fixed": "arm + C(period) + C(sequence)", "crossed": ["case", "technologist"]}
    fit = st.mixed_model(rows, slopes=[("arm", "technologist")], **options)
    dropped = bool(fit.singular)
    if dropped:
        fit = st.mixed_model(rows, **options)
    return {**moved(fit.coefficients["arm"].interval(LEVEL), effect=np.log(0.88)), "slope dropped": dropped}


def hodges_lehmann(rng: np.random.Generator) -> dict[str, bool]:
    """Thirty differences of minutes, skewed as the difference of log-normals; centred at their true pseudo-median."""
    manual, ai = (np.exp(sd * rng.standard_normal((30, 2))) for sd in (LOG_SD["manual"], LOG_SD["ai"]))
    symmetric = 14 * (manual[:, 0] - manual[:, 1]) + 5 * (ai[:, 0] - ai[:, 1])
    return moved(st.hodges_lehmann(symmetric).interval(LEVEL), effect=-3.0)


def tango(rng: np.random.Generator) -> dict[str, bool]:
    """152 pairs: type I error of non-inferiority at the margin itself, coverage there, and power where the arms are equal."""
    found = {}
    for name, shift in (("margin", 0.05), ("equal", 0.0)):
        p_manual, p_ai, rho = 0.95, 0.95 - shift, 0.4
        z = rng.standard_normal((152, 1)) * np.sqrt(rho) + rng.standard_normal((152, 2)) * np.sqrt(1 - rho)
        manual, ai = z[:, 0] < stats.norm.ppf(p_manual), z[:, 1] < stats.norm.ppf(p_ai)
        table = [[int((manual & ai).sum()), int((~manual & ai).sum())], [int((manual & ~ai).sum()), int((~manual & ~ai).sum())]]
        result = st.paired_pass_difference(table)
        low, high = result.interval(LEVEL, method="tango")
        if name == "margin":
            found |= {"covered": low <= -0.05 <= high, "rejected": result.non_inferior(0.05)}
        else:
            found["found"] = result.non_inferior(0.05)
    return found


def readers(rng: np.random.Generator) -> dict[str, bool]:
    """Five readers, 60 cases, pass or fail in both arms; readers differ in threshold and in how they take to each arm."""
    n, r, found = 60, 5, {}
    for name, shift in (("none", 0.0), ("effect", 0.4)):
        quality = rng.standard_normal(n)
        own = 0.2 * rng.standard_normal(r)
        rows = []
        for arm in ("manual", "ai"):
            picture = np.sqrt(0.5) * quality + np.sqrt(0.5) * rng.standard_normal(n)
            taste = 0.1 * rng.standard_normal(r)
            latent = np.sqrt(0.7) * picture[:, None] + np.sqrt(0.3) * rng.standard_normal((n, r))
            passed = latent < 1.0 + own + taste - (shift if arm == "ai" else 0.0)
            case, reader = np.meshgrid(np.arange(n), np.arange(r), indexing="ij")
            rows.append(pd.DataFrame({"case": case.ravel(), "reader": reader.ravel(), "arm": arm, "score": passed.ravel().astype(float)}))
        result = st.mrmc(pd.concat(rows), reader="reader", case="case", arm="arm", score="score", reference="manual")
        low, high = result.interval(LEVEL)
        inside = bool(low <= 0 <= high)
        found |= {"covered": inside, "rejected": not inside} if name == "none" else {"found": not inside}
    return found


def parallel_model(rng: np.random.Generator) -> dict[str, bool]:
    """80 cases per arm, 8 technologists who work in both arms: log minutes ~ arm + (1|technologist)."""
    n, people = 160, 8
    arm = rng.permutation(np.where(np.arange(n) % 2 == 0, "ai", "manual"))
    who, person = rng.integers(0, people, n), 0.1 * rng.standard_normal(people)
    y = person[who] + np.where(arm == "ai", LOG_SD["ai"], LOG_SD["manual"]) * rng.standard_normal(n)
    rows = pd.DataFrame({"arm": arm, "technologist": who, "log_minutes": y})
    fit = st.mixed_model(rows, value="log_minutes", fixed="arm", crossed=["technologist"])
    return moved(fit.coefficients["arm"].interval(LEVEL), effect=np.log(0.92))


def welch(rng: np.random.Generator) -> dict[str, bool]:
    """80 cases per arm, log minutes with the paper's unequal spreads."""
    manual, ai = (LOG_SD[arm] * rng.standard_normal(80) for arm in ("manual", "ai"))
    return moved(st.welch(manual, ai).interval(LEVEL), effect=np.log(0.92))


def miettinen(rng: np.random.Generator) -> dict[str, bool]:
    """300 cases per arm: non-inferiority at the margin, coverage there, power where equal."""
    at_margin = st.risk_difference(rng.binomial(300, 0.95), 300, rng.binomial(300, 0.90), 300).interval(LEVEL)
    equal = st.risk_difference(rng.binomial(300, 0.95), 300, rng.binomial(300, 0.95), 300).interval(LEVEL)
    return {"covered": at_margin.low <= -0.05 <= at_margin.high, "rejected": at_margin.low > -0.05, "found": equal.low > -0.05}


def series(rng: np.random.Generator) -> dict[str, bool]:
    """16 weeks before and 22 after, AR(1) 0.3 noise, level change of the gaussian series by REML AR(1)."""
    noise, level = rng.standard_normal(138), np.zeros(138)
    for week in range(1, 138):
        level[week] = 0.3 * level[week - 1] + noise[week]
    frame = pd.DataFrame({"time": np.arange(-16, 22), "value": 14 + 0.5 * level[100:]})
    fit = st.interrupted_series(frame, time="time", value="value", switch=0, family="gaussian", autocorrelation="ar1")
    return moved(fit.level_change.interval(LEVEL), effect=-2.0)


def clicks(rng: np.random.Generator) -> dict[str, bool]:
    """60 cases both ways, over-dispersed clicks that share the case: negative binomial with errors clustered on the case."""
    mean = 60 * np.exp(0.15 * rng.standard_normal(60))
    effect, found = 0.9, {}
    for name, ratio in (("none", 1.0), ("effect", effect)):
        counts = {arm: rng.poisson(mean * factor * rng.gamma(20, 1 / 20, 60)) for arm, factor in (("manual", 1.0), ("ai", ratio))}
        frame = pd.concat([pd.DataFrame({"case": np.arange(60), "arm": arm, "clicks": values}) for arm, values in counts.items()])
        low, high = st.count_ratio(frame, value="clicks", arm="arm", reference="manual", cluster="case").interval(LEVEL)
        inside = bool(low <= 1 <= high)
        found |= {"covered": inside, "rejected": not inside} if name == "none" else {"found": not inside}
    return found


def anytime(rng: np.random.Generator) -> dict[str, bool]:
    """150 differences of minutes as skewed as the paper's, watched after every case: does any interval ever miss the truth?"""
    sd_manual, sd_ai = LOG_SD["manual"], LOG_SD["ai"]
    manual = 14.22 * np.exp(sd_manual * rng.standard_normal(150) - sd_manual**2 / 2)
    ai = 4.94 * np.exp(sd_ai * rng.standard_normal(150) - sd_ai**2 / 2)
    found = st.confidence_sequence(ai - manual - (4.94 - 14.22))
    lower, upper = np.array(found.lower[1:]), np.array(found.upper[1:])
    missed = bool(((lower > 0) | (upper < 0)).any())
    return {"covered": not missed, "rejected": missed, "found": bool((upper - 1.0 < 0).any())}


METHODS: dict[str, tuple[str, str, Draw]] = {
    "minutes, 4 technologists alike": (
        "paired minutes, mixed model: 40 cases, 4 technologists who all save the same", "ratio 0.88",
        lambda rng: minutes_model(rng, technologists=4, saving_sd=0.0, cases=40),
    ),
    "minutes, 4 technologists who differ": (
        "the same, technologists differ in what they save (SD 0.07 of the log)", "ratio 0.88",
        lambda rng: minutes_model(rng, technologists=4, saving_sd=0.07, cases=40),
    ),
    "Hodges-Lehmann": ("Hodges–Lehmann, exact, 30 pairs", "3 min", hodges_lehmann),
    "Tango": ("Tango, non-inferiority of 5 points, 152 pairs, 95 % pass", "equal arms", tango),
    "Obuchowski-Rockette": ("Obuchowski–Rockette, pass or fail, 5 random readers, 60 cases", "0.4 SD of latent quality", readers),
    "parallel mixed model": ("parallel minutes, mixed model, 80 per arm, 8 technologists", "ratio 0.92", parallel_model),
    "Welch": ("Welch on log minutes, 80 per arm", "ratio 0.92", welch),
    "Miettinen-Nurminen": ("Miettinen–Nurminen, non-inferiority of 5 points, 300 per arm, 95 % pass", "equal arms", miettinen),
    "interrupted series": ("interrupted series, level change, 16 + 22 weeks, REML AR(1)", "2 min", series),
    "clicks": ("clicks, negative binomial clustered on 60 cases", "ratio 0.9", clicks),
    "confidence sequence": ("confidence sequence, watched after each of 150 cases", "1 min", anytime),
}  # fmt: skip
ONE_SIDED = {"Tango", "Miettinen-Nurminen"}


def run(name: str, *, studies: int, out: Path) -> None:
    """Simulate one method, with what has been done kept every 100 studies."""
    path = out / f"{name.replace(' ', '_').replace(',', '')}.json"
    done = json.loads(path.read_text()) if path.exists() else {"name": name, "studies": 0, "seconds": 0.0, "counts": {}}
    if done["name"] != name:
        raise SystemExit(f"{path} holds {done['name']}; remove it")
    key = list(METHODS).index(name)
    started = time.monotonic()
    for number in range(done["studies"], studies):
        for what, value in METHODS[name][2](np.random.default_rng([SEED, key, number])).items():
            done["counts"][what] = done["counts"].get(what, 0) + int(value)
        done["studies"] = number + 1
        if (number + 1) % 100 == 0 or number + 1 == studies:
            done["seconds"] += time.monotonic() - started
            started = time.monotonic()
            path.write_text(json.dumps(done))
    print(name, done)


def rows(out: Path) -> list[str]:
    """Lines of the table, in the order of METHODS."""
    lines = []
    for name, (label, effect, _) in METHODS.items():
        path = out / f"{name.replace(' ', '_').replace(',', '')}.json"
        if not path.exists():
            continue
        done = json.loads(path.read_text())
        n = done["studies"]
        cells = [_share(done["counts"].get(what, 0), n) for what in ("rejected", "covered", "found")]
        nominal = "2.5" if name in ONE_SIDED else "5"
        lines.append(f"| {label} | {n} | {cells[0]} (nominal {nominal}) | {cells[1]} | {cells[2]} ({effect}) |")
    return lines


def _share(count: int, total: int) -> str:
    share = count / total
    return f"{100 * share:.1f} ± {100 * np.sqrt(max(share * (1 - share), 1e-12) / total):.1f}"


def write(out: Path, page: Path) -> None:
    """Put the table between the marks of the page."""
    text = page.read_text("utf-8")
    head, rest = text.split("<!-- simulated: begin -->")
    _, tail = rest.split("<!-- simulated: end -->")
    header = ["| method and study | studies | type I error, % | coverage of 95 % intervals, % | power, % |", "|---|---:|---:|---:|---:|"]
    page.write_text(f"{head}<!-- simulated: begin -->\n{chr(10).join([*header, *rows(out)])}\n<!-- simulated: end -->{tail}", "utf-8")


def main() -> None:
    """Run the methods asked for, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "methods")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "methods.md")
    parser.add_argument("--write", action="store_true", help="only write the table")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if not chosen.write:
        for name in chosen.only:
            run(name, studies=chosen.studies, out=chosen.out)
    if chosen.write or chosen.only == list(METHODS):
        write(chosen.out, chosen.page)


if __name__ == "__main__":
    main()
