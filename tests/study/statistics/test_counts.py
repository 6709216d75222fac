"""Counts and clustered verdicts against R, constant arms, perfect separation."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from study.statistics import StatisticsError, count_ratio, gee_logistic

OPTIONS = {"value": "clicks", "arm": "arm", "reference": "manual", "covariates": ["site"], "exposure": "minutes"}


def uniform(n, seed):
    """The minimal standard generator, which R computes alike: s <- (16807 * s) %% 2147483647."""
    values = np.empty(n)
    for place in range(n):
        seed = 16807 * seed % 2147483647
        values[place] = seed / 2147483647
    return values


@pytest.fixture(scope="module")
def tasks():
    """60 pairs with clicks and verdicts; benchmarks/crosscheck_times.py has the same lines in R."""
    u = uniform(5 * 120, 11).reshape(120, 5)
    frame = pd.DataFrame({"case": np.repeat(np.arange(60), 2), "arm": ["manual", "ai"] * 60})
    frame["site"] = np.where(u[:, 0] < 0.4, "a", "b")
    frame["minutes"] = np.round(5 + 20 * u[:, 1], 2)
    case = stats.norm.ppf(uniform(60, 12))[frame["case"]]
    mean = frame["minutes"] * np.where(frame["arm"] == "manual", 6, 2) * np.where(frame["site"] == "b", 1.2, 1) * np.exp(0.4 * case)
    frame["clicks"] = stats.nbinom.ppf(u[:, 2], 4, 4 / (4 + mean)).astype(int)
    frame["passed"] = (u[:, 3] < special.expit(1.2 + 0.5 * (frame["arm"] == "ai") + 0.8 * case)).astype(int)
    return frame


def test_negative_binomial_is_rs_with_the_joint_information(tasks):
    # R: glm.nb(clicks ~ arm + site + offset(log(minutes))); standard errors from optimHess of the joint likelihood
    result = count_ratio(tasks, **OPTIONS)
    assert [c.estimate for c in result.coefficients.values()] == pytest.approx(
        [1.7940993544690, -0.8164515822438, 0.0259884762441], abs=1e-7
    )
    assert [c.se for c in result.coefficients.values()] == pytest.approx([0.1139159177312, 0.1178461719078, 0.1203132142413], rel=1e-4)
    assert result.dispersion == pytest.approx(0.391719187865, rel=1e-6)
    assert result.estimate == pytest.approx(math.exp(-0.8164515822438), rel=1e-7)
    low, high = result.interval()
    assert math.log(high / low) == pytest.approx(2 * stats.norm.ppf(0.975) * result.standard_error)


def test_poisson_is_rs_and_overdispersion_is_named(tasks):
    # R: glm(clicks ~ arm + site + offset(log(minutes)), poisson)
    result = count_ratio(tasks, **OPTIONS, family="poisson")
    arm = result.coefficients["arm"]
    assert (arm.estimate, arm.se) == pytest.approx((-0.867041523703, 0.0238666242481), rel=1e-7)
    assert result.dispersion == pytest.approx(27.2560445075, rel=1e-8)
    assert "use the negative binomial" in result.notes[0]


def test_clustered_poisson_is_geepacks(tasks):
    # R: geeglm(clicks ~ arm + site + offset(log(minutes)), family = poisson, id = case)
    result = count_ratio(tasks, **OPTIONS, family="poisson", cluster="case")
    assert [c.se for c in result.coefficients.values()] == pytest.approx([0.116543074321, 0.101157637403, 0.126519953749], rel=1e-8)


def test_clustered_negative_binomial_is_the_sandwich_by_hand(tasks):
    # R: bread and meat from glm.nb's fitted means, residuals summed by case, no small-sample factor
    result = count_ratio(tasks, **OPTIONS, cluster="case")
    assert [c.se for c in result.coefficients.values()] == pytest.approx([0.1042950323657, 0.0869915545216, 0.1158579792351], rel=1e-7)
    assert "clustered on case" in result.method


def test_logistic_gee_is_geepacks(tasks):
    # R: geeglm(passed ~ arm + site, family = binomial, id = case)
    result = gee_logistic(tasks, formula="passed ~ arm + site", cluster="case")
    assert [c.estimate for c in result.coefficients.values()] == pytest.approx([1.397848743406, 0.128817747010, -0.701604888623], abs=1e-9)
    assert [c.se for c in result.coefficients.values()] == pytest.approx([0.448803616107, 0.371732983206, 0.425887039971], rel=1e-8)
    assert (result.n, result.observations) == (60, 120)
    assert result.odds_ratio == pytest.approx(math.exp(0.128817747010))


def test_exchangeable_gee_estimates_a_correlation_near_geepacks(tasks):
    # R: the same with corstr = "exchangeable": 0.0998 (0.3664), alpha 0.2564 (0.158); moment estimators of alpha differ in divisor
    result = gee_logistic(tasks, formula="passed ~ arm + site", cluster="case", structure="exchangeable")
    assert result.coefficients["arm"].estimate == pytest.approx(0.0998, abs=0.002)
    assert result.coefficients["arm"].se == pytest.approx(0.3664, rel=0.005)
    assert result.correlation == pytest.approx(0.2564, abs=0.02)


def test_constant_arm_is_reported_and_not_modelled(tasks):
    # The paper: 115.87 clicks by hand, 4 with AI, every time
    constant = tasks.assign(clicks=np.where(tasks["arm"] == "ai", 4, tasks["clicks"]))
    result = count_ratio(constant, value="clicks", arm="arm", reference="manual")
    assert not result.modelled
    assert result.p_value is None
    assert result.estimate == pytest.approx(4 / constant.query("arm == 'manual'")["clicks"].mean())
    assert result.notes == ("ai is constant at 4: not modelled, no test; test paired differences with hodges_lehmann",)
    assert math.isnan(result.interval().low)
    assert json.loads(json.dumps(result.to_dict()))["rates"]["ai"] == 4


def test_zero_clicks_everywhere_have_no_ratio(tasks):
    result = count_ratio(tasks.assign(clicks=0), value="clicks", arm="arm", reference="manual")
    assert math.isnan(result.estimate)
    assert result.to_dict()["estimate"] is None


def test_counts_less_variable_than_poisson_fall_back_to_poisson(tasks):
    even = tasks.assign(clicks=50 + np.arange(120) % 3)
    result = count_ratio(even, value="clicks", arm="arm", reference="manual")
    assert result.dispersion == 0
    assert "Poisson fitted" in result.notes[0]
    assert math.isfinite(result.standard_error)


@pytest.mark.parametrize("options", [{}, {"cluster": "case"}, {"family": "poisson"}])
def test_swapping_the_arms_inverts_the_ratio_and_keeps_p(tasks, options):
    swapped = tasks.assign(arm=tasks["arm"].map({"manual": "ai", "ai": "manual"}))
    one, other = count_ratio(tasks, **OPTIONS, **options), count_ratio(swapped, **OPTIONS, **options)
    assert one.estimate == pytest.approx(1 / other.estimate, rel=1e-6)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-4)


def test_all_pass_in_one_arm_withholds_its_test(tasks):
    perfect = tasks.assign(passed=np.where(tasks["arm"] == "ai", 1, tasks["passed"]))
    result = gee_logistic(perfect, formula="passed ~ arm", cluster="case")
    assert result.p_value is None
    assert result.standard_error is None
    assert math.isnan(result.interval().low)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["coefficients"]["arm[T.ai]"]["se"] is None
    assert "no finite estimate for arm[T.ai]" in result.notes[0]


def test_all_pass_is_refused_with_a_remedy(tasks):
    with pytest.raises(StatisticsError, match="120 times pass; no regression is possible"):
        gee_logistic(tasks.assign(passed=True), formula="passed ~ arm", cluster="case")


def test_few_clusters_are_warned_of(tasks):
    rows = tasks.assign(reader=tasks["case"] % 5)
    assert "5 clusters" in gee_logistic(rows, formula="passed ~ arm", cluster="reader").notes[-1]
    assert "5 clusters" in count_ratio(rows, value="clicks", arm="arm", reference="manual", cluster="reader").notes[-1]


def test_swapping_the_arms_reverses_the_log_odds(tasks):
    swapped = tasks.assign(arm=tasks["arm"].map({"manual": "ai", "ai": "manual"}))
    one, other = (gee_logistic(rows, formula="passed ~ arm + site", cluster="case") for rows in (tasks, swapped))
    assert one.estimate == pytest.approx(-other.estimate)
    assert one.p_value == pytest.approx(other.p_value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "minutes", "exposure": None}, "whole counts"),
        ({"reference": "nobody"}, "reference 'nobody'"),
        ({"family": "gamma"}, "negative-binomial"),
        ({"exposure": "zero"}, "positive exposure"),
        ({"covariates": ["nope"]}, "a column 'nope'"),
        ({"cluster": "one"}, "at least 2 clusters"),
    ],
)
def test_impossible_counts_are_refused(tasks, change, message):
    with pytest.raises(StatisticsError, match=message):
        count_ratio(tasks.assign(zero=0, one=1), **(OPTIONS | change))


@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        ("arm", {}, "a formula with an outcome"),
        ("passed ~ nope", {}, "'nope'"),
        ("clicks ~ arm", {}, "verdicts 0 or 1"),
        ("passed ~ arm", {"cluster": "one"}, "at least 2 clusters"),
        ("passed ~ arm", {"structure": "ar1"}, "exchangeable"),
    ],
)
def test_impossible_verdict_models_are_refused(tasks, formula, options, message):
    with pytest.raises(StatisticsError, match=message):
        gee_logistic(tasks.assign(one=1), formula=formula, **({"cluster": "case"} | options))
