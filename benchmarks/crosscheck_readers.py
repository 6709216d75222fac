"""Reader studies, roll-outs and sizes against R, over random data: prints a table, exit status 1 on any mismatch.

python benchmarks/crosscheck_readers.py [--seed N] [--rounds N]

R is a yardstick here and never used at run time. Needs Rscript with sandwich, nlme, pROC and mvtnorm
(Debian: r-base-core r-cran-sandwich r-cran-nlme r-cran-proc r-cran-mvtnorm); exit status 3 without it.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from study.statistics import (
    agreement,
    crossed_mean,
    difference_in_differences,
    erlang_c,
    holm,
    icc,
    individuals_chart,
    interrupted_series,
    learning_curve,
    mrmc,
    sample_size,
    spending_boundaries,
)

TOLERANCE = 1e-6
LOOSER = {"its ar1 level": 1e-3, "its ar1 level se": 1e-3, "spending crossing": 2e-4}
READINGS = {"reader": "reader", "case": "case", "arm": "arm", "score": "score"}

R_CODE = r"""
suppressPackageStartupMessages({library(sandwich); library(nlme); library(pROC); library(mvtnorm)})
args <- commandArgs(TRUE); setwd(args[1]); seed <- as.integer(args[2])
say <- function(name, value) cat(sprintf("%s\t%.15g\n", name, value))

d <- read.csv("readings.csv"); d$a <- factor(d$arm, c("manual", "ai")); d$r <- factor(d$reader); d$c <- factor(d$case)
ms <- anova(lm(score ~ a * r * c, d))[["Mean Sq"]]
names(ms) <- rownames(anova(lm(score ~ a * r * c, d)))
n <- nlevels(d$c); r <- nlevels(d$r)
shared <- max(ms["a:c"] - ms["a:r:c"], 0); denominator <- ms["a:r"] + shared
means <- tapply(d$score, d$a, mean)
say("mrmc mean estimate", means["ai"] - means["manual"])
say("mrmc mean se", sqrt(2 * denominator / (n * r)))
say("mrmc mean df", denominator^2 / (ms["a:r"]^2 / (r - 1)))
say("mrmc fixed cases se", sqrt(2 * ms["a:r"] / (n * r)))
w <- tapply(d$score, list(d$c, d$a), mean)
say("mrmc fixed readers se", sd(w[, "ai"] - w[, "manual"]) / sqrt(n))
wide <- reshape(d[, c("r", "c", "arm", "score")], idvar = c("r", "c"), timevar = "arm", direction = "wide")
wide$d <- wide$score.ai - wide$score.manual
m2 <- anova(lm(d ~ r + c, wide))[["Mean Sq"]]
say("crossed mean variance", (m2[1] + m2[2] - m2[3]) / (n * r))

one <- subset(d, r == levels(d$r)[1])
areas <- lapply(c("manual", "ai"), function(k) with(subset(one, arm == k), roc(truth, rating, levels = c(0, 1), direction = "<")))
say("auc of reader 1, ai", as.numeric(areas[[2]]$auc))
say("auc fixed reader se (DeLong)", sqrt(var(areas[[1]]) + var(areas[[2]]) - 2 * cov(areas[[1]], areas[[2]])))

x <- as.matrix(read.csv("ratings.csv"))
long <- data.frame(y = c(x), s = factor(rep(1:nrow(x), ncol(x))), j = factor(rep(1:ncol(x), each = nrow(x))))
two <- anova(lm(y ~ s + j, long)); b <- two[1, 3]; j <- two[2, 3]; e <- two[3, 3]; k <- ncol(x); s <- nrow(x)
wi <- anova(lm(y ~ s, long))[2, 3]
say("icc 1", (b - wi) / (b + (k - 1) * wi)); say("icc 2", (b - e) / (b + (k - 1) * e + k * (j - e) / s))
say("icc 3", (b - e) / (b + (k - 1) * e))
f <- b / e / qf(.975, s - 1, (s - 1) * (k - 1)); say("icc 3 low", (f - 1) / (f + k - 1))
t <- table(factor(x[, 1] > 0, c(FALSE, TRUE)), factor(x[, 2] > 0, c(FALSE, TRUE))); p <- t / sum(t)
po <- sum(diag(p)); pe <- sum(rowSums(p) * colSums(p)); say("cohen", (po - pe) / (1 - pe))
q <- (rowSums(p) + colSums(p)) / 2; pg <- sum(q * (1 - q)); say("ac1", (po - pg) / (1 - pg))

v <- read.csv("series.csv"); v$post <- as.numeric(v$at >= 0); v$sl <- v$at * v$post
v$s1 <- sin(2 * pi * v$at / 12); v$c1 <- cos(2 * pi * v$at / 12); tight <- list(epsilon = 1e-14)
m <- glm(count ~ at + post + sl + s1 + c1, offset = log(cases), family = quasipoisson, data = v, control = tight)
say("its quasi-poisson level", coef(m)["post"]); say("its quasi-poisson level se", sqrt(vcov(m)["post", "post"]))
say("its quasi-poisson dispersion", summary(m)$dispersion)
g <- lm(minutes ~ at + post + sl, v); say("its gaussian slope", coef(g)["sl"]); say("its gaussian slope se", sqrt(vcov(g)["sl", "sl"]))
lag <- floor(4 * (nrow(v) / 100)^(2 / 9))
say("its newey-west level se", sqrt(NeweyWest(g, lag = lag, prewhite = FALSE, adjust = TRUE)["post", "post"]))
h <- gls(minutes ~ at + post + sl, v, correlation = corAR1(form = ~at), control = list(tolerance = 1e-10))
say("its ar1 level", coef(h)["post"]); say("its ar1 level se", sqrt(vcov(h)["post", "post"]))
mr <- mean(abs(diff(v$minutes))); say("individuals upper", mean(v$minutes) + 2.66 * mr)

q <- read.csv("sites.csv"); q$x <- q$switched * (q$week >= 10); m <- lm(minutes ~ x + factor(site) + factor(week), q)
say("did estimate", coef(m)["x"]); say("did se", sqrt(vcovCL(m, cluster = q$site, type = "HC1")["x", "x"]))
m <- lm(log(minutes) ~ log(case) + factor(who), read.csv("practice.csv"))
l <- read.csv("practice.csv"); say("learning slope", coef(m)[2]); say("learning se", sqrt(vcovCL(m, cluster = l$who, type = "HC1")[2, 2]))

z <- read.csv("sizes.csv")
say("n paired t", ceiling(power.t.test(delta = z$difference, sd = z$sd, power = z$power, type = "paired", strict = TRUE)$n))
say("n two-sample t", ceiling(power.t.test(delta = z$difference, sd = z$sd, power = z$power, strict = TRUE)$n))
say("n two proportions", ceiling(power.prop.test(p1 = z$p1, p2 = z$p2, power = z$power, tol = 1e-10)$n))
a <- p.adjust(read.csv("pvalues.csv")$p, "holm"); say("holm largest", max(a)); say("holm sum", sum(a))
load <- z$arrivals * z$handling / 60; k <- z$servers
top <- dpois(k, load) * k / (k - load); say("erlang c", top / (ppois(k - 1, load) + top))
u <- read.csv("looks.csv"); sg <- outer(u$share, u$share, function(a, b) sqrt(pmin(a, b) / pmax(a, b)))
set.seed(seed); inside <- pmvnorm(-u$z, u$z, corr = sg, algorithm = GenzBretz(maxpts = 2e6, abseps = 1e-6))
say("spending crossing", 1 - as.numeric(inside))
"""


def tables(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Random data of every kind, the same for both programs."""
    readers, cases = 4, 40
    truth, case_effect = rng.random(cases) < 0.5, rng.normal(size=cases)
    rows = []
    for arm, lift in (("manual", 0.0), ("ai", 0.3)):
        arm_case, by_reader = 0.5 * rng.normal(size=cases), 0.2 * rng.normal(size=readers)
        noise = rng.normal(size=(readers, cases))
        for r, c in np.ndindex(readers, cases):
            score = lift + by_reader[r] + case_effect[c] + arm_case[c] + noise[r, c]
            rows.append((f"r{r}", c, arm, score, int(truth[c]), round(score + 1.5 * truth[c])))
    at = np.arange(-30, 40)
    exposure = rng.integers(80, 140, size=at.size)
    after = at >= 0
    rate = np.exp(-1 + 0.004 * at - 0.2 * after + 0.1 * np.sin(2 * np.pi * at / 12))
    sites = [
        (s, w, int(s < 4), 10 + s + 0.1 * w - 2 * (s < 4) * (w >= 10)) for s in range(8) for w in range(20) for _ in range(1 + (s * w) % 3)
    ]
    practice = [(f"p{p}", c, 20 * c**-0.2 * np.exp(0.2 * rng.normal())) for p in range(7) for c in range(1, 30)]
    shares = np.sort(np.append(rng.choice(np.arange(10, 95), size=3, replace=False) / 100, 1.0))
    return {
        "readings": pd.DataFrame(rows, columns=["reader", "case", "arm", "score", "truth", "rating"]),
        "ratings": pd.DataFrame(rng.normal(size=(25, 1)) + rng.normal(size=(25, 3)), columns=["a", "b", "c"]),
        "series": pd.DataFrame(
            {
                "at": at,
                "count": rng.poisson(exposure * rate),
                "cases": exposure,
                "minutes": 14 - 8 * after + rng.normal(size=at.size).cumsum() / 3,
            }
        ),
        "sites": pd.DataFrame(sites, columns=["site", "week", "switched", "minutes"]).assign(
            minutes=lambda t: t.minutes + rng.normal(size=len(t))
        ),
        "practice": pd.DataFrame(practice, columns=["who", "case", "minutes"]),
        "sizes": pd.DataFrame(
            [(rng.uniform(0.3, 1.5), 1.0, rng.choice([0.8, 0.9]), 0.8, rng.uniform(0.86, 0.97), 20.0, rng.uniform(5, 14), 6)],
            columns=["difference", "sd", "power", "p1", "p2", "arrivals", "handling", "servers"],
        ),
        "pvalues": pd.DataFrame({"p": rng.random(6) ** 2}),
        "looks": pd.DataFrame(
            {"share": shares, "z": spending_boundaries(shares, kind=rng.choice(["obrien-fleming", "pocock"])).boundaries}
        ),
    }


def ours(data: dict[str, pd.DataFrame]) -> dict[str, float]:
    """The same numbers from study.statistics."""
    readings = data["readings"]
    both, cases, readers = (mrmc(readings, **READINGS, factors=f) for f in ("random-both", "random-readers", "random-cases"))
    first = mrmc(
        readings[readings.reader == "r0"].assign(score=lambda t: t.rating),
        **READINGS, truth="truth", figure="auc", factors="random-cases", covariance="delong",
    )  # fmt: skip
    found = {
        "mrmc mean estimate": both.estimate,
        "mrmc mean se": both.standard_error,
        "mrmc mean df": both.df,
        "mrmc fixed cases se": cases.standard_error,
        "mrmc fixed readers se": readers.standard_error,
        "crossed mean variance": crossed_mean(readings, **READINGS).variance,
        "auc of reader 1, ai": first.figures["ai"],
        "auc fixed reader se (DeLong)": first.standard_error,
        "icc 3 low": icc(data["ratings"], form="3").interval().low,
        "spending crossing": 0.05,
    }
    found |= {f"icc {form}": icc(data["ratings"], form=form).estimate for form in "123"}
    signs = data["ratings"][["a", "b"]] > 0
    found |= {name: agreement(signs, coefficient=name, categories=[False, True]).estimate for name in ("cohen", "ac1")}
    return {name: float(value) for name, value in (found | series_numbers(data) | size_numbers(data)).items() if value is not None}


def series_numbers(data: dict[str, pd.DataFrame]) -> dict[str, float | None]:
    """Roll-outs, comparison sites, learning."""
    series = data["series"]
    common = {"time": "at", "switch": 0}
    counts = interrupted_series(series, value="count", offset="cases", family="quasi-poisson", harmonics=1, **common)
    plain, robust, correlated = (
        interrupted_series(series, value="minutes", family="gaussian", autocorrelation=kind, **common)
        for kind in (None, "newey-west", "ar1")
    )
    did = difference_in_differences(data["sites"], value="minutes", unit="site", time="week", treated="switched", switch=10)
    learning = learning_curve(data["practice"], value="minutes", order="case", by="who")
    upper = individuals_chart(series["minutes"]).upper
    return {
        "its quasi-poisson level": counts.level_change.estimate,
        "its quasi-poisson level se": counts.level_change.standard_error,
        "its quasi-poisson dispersion": counts.dispersion,
        "its gaussian slope": plain.slope_change.estimate,
        "its gaussian slope se": plain.slope_change.standard_error,
        "its newey-west level se": robust.level_change.standard_error,
        "its ar1 level": correlated.level_change.estimate,
        "its ar1 level se": correlated.level_change.standard_error,
        "individuals upper": upper if isinstance(upper, float) else None,
        "did estimate": did.estimate,
        "did se": did.standard_error,
        "learning slope": learning.estimate,
        "learning se": learning.standard_error,
    }


def size_numbers(data: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Sizes, multiplicity, queues."""
    row = data["sizes"].iloc[0]
    adjusted = holm(data["pvalues"]["p"]).adjusted
    means = {"difference": row.difference, "sd": row.sd, "power": row.power}
    return {
        "n paired t": sample_size.paired_t(**means).n,
        "n two-sample t": sample_size.two_sample_t(**means).n,
        "n two proportions": sample_size.two_proportions(p1=row.p1, p2=row.p2, power=row.power).n,
        "holm largest": max(adjusted),
        "holm sum": sum(adjusted),
        "erlang c": erlang_c(arrivals_per_hour=row.arrivals, handling_minutes=row.handling, servers=int(row.servers)).wait_probability,
    }


def theirs(data: dict[str, pd.DataFrame], seed: int) -> dict[str, float]:
    """The numbers from R."""
    with tempfile.TemporaryDirectory() as folder:
        for name, table in data.items():
            table.to_csv(Path(folder) / f"{name}.csv", index=False, float_format="%.17g")
        script = Path(folder) / "check.R"
        script.write_text(R_CODE)
        run = subprocess.run(["Rscript", str(script), folder, str(seed)], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"R failed: {run.stderr.strip()}")
    return {name: float(value) for name, value in (line.split("\t") for line in run.stdout.splitlines())}


def main() -> int:
    """Compare, print, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("Rscript") is None:
        print("Rscript is missing: apt install r-base-core r-cran-sandwich r-cran-nlme r-cran-proc r-cran-mvtnorm", file=sys.stderr)
        return 3
    wrong = 0
    print(f"{'seed':>5} {'quantity':34} {'ours':>18} {'R':>18}")
    for seed in range(options.seed, options.seed + options.rounds):
        data = tables(np.random.default_rng(seed))
        left, right = ours(data), theirs(data, seed)
        for name in sorted(left.keys() | right.keys()):
            one, two = left.get(name, np.nan), right.get(name, np.nan)
            same = abs(one - two) <= LOOSER.get(name, TOLERANCE) * max(1.0, abs(two))
            wrong += not same
            print(f"{seed:>5} {name:34} {one:18.10g} {two:18.10g}{'' if same else '  MISMATCH'}")
    print(f"{wrong} mismatches")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
