"""Times, clicks and passes against R, over random data and lme4's own data sets: prints a table, exit status 1 on any mismatch.

python benchmarks/crosscheck_times.py [--seed N] [--rounds N] [--large]

R is a yardstick here and never used at run time. Needs Rscript with lme4, lmerTest, MASS and geepack
(Debian: r-base-core r-cran-lme4 r-cran-lmertest r-cran-mass r-cran-geepack); exit status 3 without it.
`--large` adds InstEval (73,421 ratings, 2,972 students, 1,128 lecturers; about a minute each) and times both.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from study.statistics import (
    brunner_munzel,
    count_ratio,
    gee_logistic,
    geometric_mean_ratio,
    hodges_lehmann,
    mann_whitney,
    mantel_haenszel,
    marginal_homogeneity,
    mcnemar,
    mixed_model,
    paired_difference,
    paired_pass_difference,
    pass_rate,
    risk_difference,
    welch,
)
from study.statistics.mixed_model import MixedModel
from study.statistics.results import Interval

# Relative, or absolute below 1. lmerTest differentiates numerically and lme4 stops its search early; R's glm.nb alternates to 1e-8.
TOLERANCE = 1e-6
LOOSER = {"df": 2e-3, "sd": 2e-4, "se": 1e-4, "criterion": 1e-6, "nb": 1e-4, "root": 1e-9}

R_CODE = r"""
suppressPackageStartupMessages({library(lme4); library(lmerTest); library(MASS); library(geepack)})
args <- commandArgs(TRUE); setwd(args[1]); large <- args[2] == "1"
say <- function(name, value) cat(sprintf("%s\t%.15g\n", name, value))
two <- function(name, ci) {say(paste(name, "low"), ci[1]); say(paste(name, "high"), ci[2])}
test <- function(name, t, estimate) {say(paste(name, "estimate"), estimate); say(paste(name, "p"), t$p.value); two(name, t$conf.int)}

p <- read.csv("pairs.csv")
t <- t.test(p$ai, p$manual, paired = TRUE); test("paired t", t, t$estimate)
t <- t.test(p$ai, p$manual); test("welch", t, t$estimate[1] - t$estimate[2]); say("welch df", t$parameter)
t <- t.test(log(p$ai), log(p$manual), paired = TRUE); t$conf.int <- exp(t$conf.int); test("geometric ratio", t, exp(t$estimate))
d <- p$ai - p$manual
w <- wilcox.test(d, exact = TRUE, conf.int = TRUE); test("signed rank exact", w, w$estimate)
for (k in c(TRUE, FALSE)) {
  w <- suppressWarnings(wilcox.test(p$clicks, exact = FALSE, correct = k, conf.int = TRUE))
  test(paste("signed rank root", k), w, w$estimate)
}
a <- read.csv("arms.csv"); m <- a$minutes[a$arm == "manual"]; x <- a$minutes[a$arm == "ai"]
w <- wilcox.test(x, m, conf.int = TRUE, exact = TRUE); test("rank sum exact", w, w$estimate)
m <- a$clicks[a$arm == "manual"]; x <- a$clicks[a$arm == "ai"]
w <- wilcox.test(x, m, conf.int = TRUE, exact = FALSE); test("rank sum root", w, w$estimate)
n1 <- length(m); n2 <- length(x); r <- rank(c(m, x)); r1 <- r[1:n1]; r2 <- r[-(1:n1)]
s1 <- var(r1 - rank(m)); s2 <- var(r2 - rank(x)); v <- s1 / n2^2 / n1 + s2 / n1^2 / n2
e <- (mean(r2) - (n2 + 1) / 2) / n1; df <- v^2 / ((s1 / n2^2 / n1)^2 / (n1 - 1) + (s2 / n1^2 / n2)^2 / (n2 - 1))
say("brunner-munzel estimate", e); say("brunner-munzel p", 2 * pt(-abs((e - .5) / sqrt(v)), df))

k <- read.csv("tables.csv")
for (i in seq_len(nrow(k))) {
  q <- k[i, ]; b <- q$only_ai; cc <- q$only_manual; n <- q$both + b + cc + q$neither
  two(paste("wilson", i), prop.test(q$both + b, n, correct = FALSE)$conf.int)
  two(paste("clopper-pearson", i), binom.test(q$both + b, n)$conf.int)
  if (b + cc > 0) {
    say(paste("mcnemar exact", i), binom.test(b, b + cc)$p.value)
    if (b != cc) say(paste("mcnemar mid-p", i), 2 * pbinom(min(b, cc), b + cc, .5) - dbinom(b, b + cc, .5))
    say(paste("mcnemar continuity", i), mcnemar.test(matrix(c(q$both, b, cc, q$neither), 2))$p.value)
  }
  z <- qnorm(.975)
  tango <- function(delta) {  # restricted likelihood maximised numerically, not by its closed form
    l <- function(s) {
      o <- s + delta; r <- 1 - s - o
      (if (b > 0) b * log(o) else 0) + (if (cc > 0) cc * log(s) else 0) + (if (n > b + cc) (n - b - cc) * log(r) else 0)
    }
    s <- optimize(l, c(max(0, -delta), (1 - delta) / 2), maximum = TRUE, tol = 1e-13)$maximum
    (b - cc - n * delta) / sqrt(n * (2 * s + delta * (1 - delta)))
  }
  e <- (b - cc) / n
  say(paste("tango low", i), uniroot(function(x) tango(x) - z, c(-1 + 1e-9, e), tol = 1e-12)$root)
  say(paste("tango high", i), uniroot(function(x) tango(x) + z, c(e, 1 - 1e-9), tol = 1e-12)$root)
  x1 <- q$both + b; n1 <- n; x2 <- q$both + cc; n2 <- n + i
  score <- function(delta) {
    ll <- function(p) {
      f <- function(x, n, p) (if (x > 0) x * log(p) else 0) + (if (n > x) (n - x) * log(1 - p) else 0)
      f(x2, n2, p) + f(x1, n1, p + delta)
    }
    p <- optimize(ll, c(max(0, -delta), min(1, 1 - delta)), maximum = TRUE, tol = 1e-13)$maximum
    (x1 / n1 - x2 / n2 - delta) / sqrt((p * (1 - p) / n2 + (p + delta) * (1 - p - delta) / n1) * (n1 + n2) / (n1 + n2 - 1))
  }
  e <- x1 / n1 - x2 / n2
  say(paste("miettinen-nurminen low", i), uniroot(function(x) score(x) - z, c(-1 + 1e-6, e), tol = 1e-12)$root)
  say(paste("miettinen-nurminen high", i), uniroot(function(x) score(x) + z, c(e, 1 - 1e-6), tol = 1e-12)$root)
}
s <- read.csv("strata.csv"); A <- array(as.numeric(t(as.matrix(s))), c(2, 2, nrow(s)))  # first index passed/failed, second manual/ai
for (k in c(TRUE, FALSE)) {
  h <- mantelhaen.test(A, correct = k); say(paste("mantel-haenszel p", k), h$p.value)
}
say("mantel-haenszel estimate", 1 / h$estimate); two("mantel-haenszel", rev(1 / h$conf.int))
g <- as.matrix(read.csv("grades.csv")); u <- (rowSums(g) - colSums(g))[-1]
V <- (diag(rowSums(g) + colSums(g)) - g - t(g))[-1, -1]; Q <- drop(u %*% solve(V, u))
say("stuart-maxwell", Q); say("bhapkar", Q / (1 - Q / sum(g)))

c <- read.csv("counts.csv"); c$arm <- factor(c$arm, c("manual", "ai")); f <- clicks ~ arm + site + offset(log(minutes))
m <- glm.nb(f, c, control = glm.control(epsilon = 1e-13, maxit = 500)); X <- model.matrix(m); b <- coef(m)
nll <- function(p) -sum(dnbinom(c$clicks, size = exp(-p[4]), mu = exp(X %*% p[1:3] + log(c$minutes)), log = TRUE))
o <- optim(c(b, -log(m$theta)), nll, method = "BFGS", control = list(reltol = 1e-15, ndeps = rep(1e-6, 4), maxit = 1000), hessian = TRUE)
say("nb estimate", exp(o$par[2])); say("nb alpha", exp(o$par[4])); say("nb se", sqrt(solve(o$hessian)[2, 2]))
m <- glm(f, poisson, c); say("poisson estimate", exp(coef(m)[2])); say("poisson se", sqrt(vcov(m)[2, 2]))
m <- geeglm(f, family = poisson, data = c, id = case); say("poisson gee se", summary(m)$coefficients[2, 2])
m <- geeglm(passed ~ arm + site, family = binomial, data = c, id = case)
say("logistic gee estimate", coef(m)[2]); say("logistic gee se", summary(m)$coefficients[2, 2])

control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5), check.conv.singular = "ignore")
model <- function(name, f, d, REML = TRUE) {
  began <- proc.time()[3]; m <- suppressWarnings(lmer(f, d, REML = REML, control = control)); s <- coef(summary(m))
  last <- nrow(s); v <- as.data.frame(VarCorr(m)); v <- v[is.na(v$var2), ]
  say(paste(name, "criterion"), if (REML) REMLcrit(m) else -2 * as.numeric(logLik(m)))
  say(paste(name, "estimate"), s[last, 1]); say(paste(name, "se"), s[last, 2]); say(paste(name, "df"), s[last, 3])
  for (i in seq_len(nrow(v))) {
    group <- if (v$grp[i] == "Residual") "residual" else v$grp[i]
    say(paste0(name, " sd ", group, if (!is.na(v$var1[i]) && v$var1[i] != "(Intercept)") paste0(":", v$var1[i])), v$sdcor[i])
  }
  message(sprintf("%-24s %8.2f s in R", name, proc.time()[3] - began))
}
write.csv(sleepstudy, "sleepstudy.csv", row.names = FALSE); write.csv(Penicillin, "Penicillin.csv", row.names = FALSE)
write.csv(cake, "cake.csv", row.names = FALSE)
model("sleepstudy", Reaction ~ Days + (Days | Subject), sleepstudy)
model("sleepstudy ml", Reaction ~ Days + (Days | Subject), sleepstudy, FALSE)
model("penicillin", diameter ~ 1 + (1 | plate) + (1 | sample), Penicillin)
model("cake", angle ~ recipe + temp + (1 | recipe:replicate), cake)
l <- read.csv("tasks.csv"); l$arm <- ifelse(l$arm == "ai", .5, -.5)
model("tasks", y ~ period + arm + (1 | case) + (1 + arm | technologist), l)
model("tasks intercepts", y ~ period + arm + (1 | case) + (1 | technologist), l)
v <- read.csv("readers.csv"); model("slopes on both", y ~ period + arm + (1 + arm | case) + (1 + arm + period | reader), v)
if (large) {
  write.csv(InstEval, "InstEval.csv", row.names = FALSE); model("insteval", y ~ service + (1 | s) + (1 | d) + (1 | dept:service), InstEval)
}
"""


def tables(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Random data of every kind, tied where ties are the point."""
    n = int(rng.integers(20, 240))
    manual = rng.lognormal(2.6, 0.25, n)
    pairs = pd.DataFrame({"manual": manual, "ai": manual ** rng.uniform(0.3, 0.9) * rng.lognormal(0, 0.2, n)})
    pairs["clicks"] = rng.integers(-8, 5, n)
    arms = pd.DataFrame({"arm": ["manual"] * 30 + ["ai"] * 41, "minutes": rng.normal(10, 3, 71), "clicks": rng.poisson(6, 71)})
    paired = pd.DataFrame(rng.integers(1, 40, (4, 4)), columns=["both", "only_ai", "only_manual", "neither"])
    paired.loc[0, "only_manual"] = 0
    strata = pd.DataFrame(rng.integers(1, 40, (3, 4)), columns=["manual_passed", "manual_failed", "ai_passed", "ai_failed"])
    grades = pd.DataFrame(rng.integers(1, 30, (4, 4)), columns=list("abcd"))
    counts = pd.DataFrame({"case": np.repeat(np.arange(80), 2), "arm": ["manual", "ai"] * 80, "site": rng.choice(list("ab"), 160)})
    counts["minutes"] = rng.uniform(5, 25, 160).round(2)
    case = rng.normal(0, 0.4, 80)[counts["case"]]
    counts["clicks"] = rng.negative_binomial(3, 3 / (3 + counts["minutes"] * np.where(counts["arm"] == "ai", 1, 6) * np.exp(case)))
    counts["passed"] = (rng.random(160) < 1 / (1 + np.exp(-1 - case))).astype(int)
    rows = 20_000
    tasks = pd.DataFrame({"case": rng.integers(0, 5_000, rows), "technologist": rng.integers(0, 40, rows)})
    tasks["arm"], tasks["period"] = rng.choice(["manual", "ai"], rows), rng.integers(1, 3, rows)
    sign = np.where(tasks["arm"] == "ai", 0.5, -0.5)
    tasks["y"] = 2.6 - 1.05 * sign + 0.2 * rng.normal(size=5_000)[tasks["case"]] + 0.15 * rng.normal(size=40)[tasks["technologist"]]
    tasks["y"] += 0.1 * rng.normal(size=40)[tasks["technologist"]] * sign + 0.25 * rng.normal(size=rows)
    readers = pd.DataFrame([(c, r, a, p) for c in range(40) for r in range(12) for a in (-0.5, 0.5) for p in (0, 1)])
    readers.columns = pd.Index(["case", "reader", "arm", "period"])
    effects = {group: rng.normal(0, 0.5, (3, 40)) for group in ("case", "reader")}
    readers["y"] = 5 + readers["arm"] + effects["reader"][2][readers["reader"]] * readers["period"] + rng.normal(0, 0.4, len(readers))
    for group, (intercept, slope, _) in effects.items():
        readers["y"] += intercept[readers[group]] + slope[readers[group]] * readers["arm"]
    named = {"pairs": pairs, "arms": arms, "tables": paired, "strata": strata, "grades": grades, "counts": counts}
    return named | {"tasks": tasks, "readers": readers}


def limits(name: str, interval: Interval) -> dict[str, float]:
    """Both ends of an interval under the names R gives them."""
    return {f"{name} low": interval.low, f"{name} high": interval.high}


def ours(data: dict[str, pd.DataFrame]) -> dict[str, float]:
    """The same quantities from study.statistics."""
    pairs, arms = data["pairs"], data["arms"]
    manual, ai = pairs["manual"], pairs["ai"]
    by_hand, with_ai = arms.query("arm == 'manual'"), arms.query("arm == 'ai'")
    results = {
        "paired t": paired_difference(manual, ai),
        "welch": welch(manual, ai),
        "geometric ratio": geometric_mean_ratio(manual, ai),
        "signed rank exact": hodges_lehmann(ai - manual),
        "signed rank root TRUE": hodges_lehmann(pairs["clicks"], method="normal", continuity=True),
        "signed rank root FALSE": hodges_lehmann(pairs["clicks"], method="normal"),
        "rank sum exact": mann_whitney(by_hand["minutes"], with_ai["minutes"]),
        "rank sum root": mann_whitney(by_hand["clicks"], with_ai["clicks"]),
    }
    found: dict[str, float] = {"welch df": float(results["welch"].df or 0)}
    for name, result in results.items():
        found |= {f"{name} estimate": result.estimate, f"{name} p": float(result.p_value or 0)} | limits(name, result.interval())
    effect = brunner_munzel(by_hand["clicks"], with_ai["clicks"])
    found |= {"brunner-munzel estimate": effect.estimate, "brunner-munzel p": float(effect.p_value or 0)}
    return found | verdicts(data) | clicks(data["counts"])


def verdicts(data: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Pass rates, paired and stratified tables, grades."""
    found: dict[str, float] = {}
    for number, (both, only_ai, only_manual, neither) in enumerate(data["tables"].to_numpy().tolist(), start=1):
        table, n = [[both, only_ai], [only_manual, neither]], both + only_ai + only_manual + neither
        rate, change = pass_rate(both + only_ai, n), paired_pass_difference(table)
        found |= limits(f"wilson {number}", rate.interval()) | limits(f"clopper-pearson {number}", rate.interval(method="clopper-pearson"))
        found |= {
            f"mcnemar {method} {number}": float(mcnemar(table, method=method).p_value or 0) for method in ("exact", "mid-p", "continuity")
        }
        score = risk_difference(both + only_manual, n + number, both + only_ai, n).interval()
        found |= {f"tango low {number}": change.interval().low, f"tango high {number}": change.interval().high}
        found |= {f"miettinen-nurminen low {number}": score.low, f"miettinen-nurminen high {number}": score.high}
    strata = data["strata"].to_numpy().reshape(-1, 2, 2)
    for correct in (True, False):
        found[f"mantel-haenszel p {str(correct).upper()}"] = float(mantel_haenszel(strata, correct=correct).p_value or 0)
    odds = mantel_haenszel(strata)
    found |= {"mantel-haenszel estimate": odds.estimate} | limits("mantel-haenszel", odds.interval())
    for method in ("stuart-maxwell", "bhapkar"):
        found[method] = float(marginal_homogeneity(data["grades"].to_numpy(), method=method).statistic or 0)
    return found


def clicks(counts: pd.DataFrame) -> dict[str, float]:
    """Count models and clustered verdicts."""
    options = {"value": "clicks", "arm": "arm", "reference": "manual", "covariates": ["site"], "exposure": "minutes"}
    negative, poisson = count_ratio(counts, **options), count_ratio(counts, **options, family="poisson")
    clustered = count_ratio(counts, **options, family="poisson", cluster="case")
    logistic = gee_logistic(counts, formula="passed ~ arm + site", cluster="case").coefficients["arm"]
    return {
        "nb estimate": negative.estimate,
        "nb alpha": float(negative.dispersion or 0),
        "nb se": float(negative.standard_error or 0),
        "poisson estimate": poisson.estimate,
        "poisson se": float(poisson.standard_error or 0),
        "poisson gee se": float(clustered.standard_error or 0),
        "logistic gee estimate": logistic.estimate,
        "logistic gee se": logistic.se,
    }


def models(folder: Path, data: dict[str, pd.DataFrame], *, large: bool) -> dict[str, float]:
    """Mixed models on lme4's data sets, which R has written, and on random tasks; times go to stderr."""
    sleep = pd.read_csv(folder / "sleepstudy.csv")
    tasks = data["tasks"].assign(arm=np.where(data["tasks"]["arm"] == "ai", 0.5, -0.5))
    crossed = {"value": "y", "fixed": "period + arm", "crossed": ("case", "technologist")}
    plans = {
        "sleepstudy": (sleep, {"value": "Reaction", "fixed": "Days", "slopes": [("Days", "Subject")]}),
        "sleepstudy ml": (sleep, {"value": "Reaction", "fixed": "Days", "slopes": [("Days", "Subject")], "reml": False}),
        "penicillin": (pd.read_csv(folder / "Penicillin.csv"), {"value": "diameter", "fixed": "1", "crossed": ("plate", "sample")}),
        "cake": (pd.read_csv(folder / "cake.csv"), {"value": "angle", "fixed": "recipe + temp", "crossed": ("recipe:replicate",)}),
        "tasks": (tasks, crossed | {"slopes": [("arm", "technologist")]}),
        "tasks intercepts": (tasks, crossed),
        "slopes on both": (
            data["readers"],
            {"value": "y", "fixed": "period + arm", "slopes": [("arm", "case"), ("arm", "reader"), ("period", "reader")]},
        ),
    }
    if large:
        ratings = pd.read_csv(folder / "InstEval.csv").astype({"service": str})
        plans["insteval"] = (ratings, {"value": "y", "fixed": "service", "crossed": ("s", "d", "dept:service")})
    found: dict[str, float] = {}
    for name, (frame, options) in plans.items():
        began = time.perf_counter()
        fit = mixed_model(frame, **options)
        print(f"{name:24} {time.perf_counter() - began:8.2f} s here", file=sys.stderr)
        found |= numbers(name, fit)
    return found


def numbers(name: str, fit: MixedModel) -> dict[str, float]:
    """Criterion, last coefficient and standard deviations."""
    last = list(fit.coefficients.values())[-1]
    found = {
        f"{name} criterion": fit.criterion,
        f"{name} estimate": last.estimate,
        f"{name} se": last.se,
        f"{name} df": float(last.df or 0),
    }
    return found | {f"{name} sd {group}": sd for group, sd in fit.sds.items()}


def theirs(folder: Path, data: dict[str, pd.DataFrame], *, large: bool) -> dict[str, float]:
    """R's answers."""
    for name, frame in data.items():
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
    script = folder / "crosscheck.R"
    script.write_text(R_CODE)
    run = subprocess.run(["Rscript", str(script), str(folder), str(int(large))], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"R failed: {run.stderr.strip()}")
    print(run.stderr.strip(), file=sys.stderr)
    return {name: float(value) for name, value in (line.split("\t") for line in run.stdout.splitlines())}


def tolerance(name: str) -> float:
    """How far two programs may differ in this quantity."""
    return max((wide for word, wide in LOOSER.items() if word in name.split()), default=TOLERANCE)


def main() -> int:
    """Compare, print, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    if shutil.which("Rscript") is None:
        print("Rscript is missing: apt install r-base-core r-cran-lme4 r-cran-lmertest r-cran-mass r-cran-geepack", file=sys.stderr)
        return 3
    wrong = compared = 0
    print(f"{'seed':>5} {'quantity':34} {'ours':>18} {'R':>18}")
    for seed in range(options.seed, options.seed + options.rounds):
        data = tables(np.random.default_rng(seed))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            expected = theirs(folder, data, large=options.large and seed == options.seed)
            found = ours(data) | models(folder, data, large=options.large and seed == options.seed)
        for quantity, two in expected.items():
            one = found[quantity]
            same = (
                abs(one - two) <= tolerance(quantity) * max(1.0, abs(two))
                if quantity.split()[-1] != "p"
                else np.isclose(one, two, rtol=1e-5)
            )
            wrong, compared = wrong + (not same), compared + 1
            print(f"{seed:>5} {quantity:34} {one:18.10g} {two:18.10g}{'' if same else '  MISMATCH'}")
    print(f"{compared} compared, {wrong} mismatches")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
