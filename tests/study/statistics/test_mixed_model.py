"""Mixed models: lme4 and lmerTest to the digits that they print, singular fits, and what is refused."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.statistics import StatisticsError, mixed_model

# Davies & Goldsmith (1972), Statistical Methods in Research and Production, 4th ed.: yield of dyestuff from 5 samples of 6 batches.
DYESTUFF = [
    [1545, 1440, 1440, 1520, 1580], [1540, 1555, 1490, 1560, 1495], [1595, 1550, 1605, 1510, 1560],
    [1445, 1440, 1595, 1465, 1545], [1595, 1630, 1515, 1635, 1625], [1520, 1455, 1450, 1480, 1445],
]  # fmt: skip
# Box & Tiao (1973), Bayesian Inference in Statistical Analysis, table 5.1.4: constructed so that batches do not differ.
NO_BATCHES = [
    [7.298, 3.846, 2.434, 9.566, 7.990], [5.220, 6.556, 0.608, 11.788, -0.892], [0.110, 10.386, 13.434, 5.510, 8.166],
    [2.212, 4.852, 7.092, 9.288, 4.980], [0.282, 9.014, 4.458, 9.446, 7.198], [1.722, 4.782, 8.106, 0.758, 3.758],
]  # fmt: skip


def uniform(n, seed):
    """The minimal standard generator, which R computes alike: s <- (16807 * s) %% 2147483647."""
    values = np.empty(n)
    for place in range(n):
        seed = 16807 * seed % 2147483647
        values[place] = seed / 2147483647
    return values


def tasks(n, cases, technologists, seed=7):
    """Simulated log minutes; benchmarks/crosscheck_times.py has the same lines in R."""
    u = uniform(2 * n, seed).reshape(n, 2)
    order = np.arange(n)
    frame = pd.DataFrame({"case": np.floor(cases * u[:, 0]).astype(int), "technologist": order % technologists})
    frame["arm"] = np.where(order // technologists % 2 == 0, -0.5, 0.5)
    frame["period"] = np.where(u[:, 1] < 0.5, 1, 2)
    case, technologist = (stats.norm.ppf(uniform(size, seed + offset)) for size, offset in ((cases, 1), (2 * technologists, 2)))
    frame["y"] = 2.6 - 1.05 * frame["arm"] + 0.03 * frame["period"] + 0.2 * case[frame["case"]]
    frame["y"] += 0.15 * technologist[frame["technologist"]] + 0.1 * technologist[technologists + frame["technologist"]] * frame["arm"]
    frame["y"] += 0.25 * stats.norm.ppf(uniform(n, seed + 3))
    return frame


def batches(values):
    table = np.array(values, dtype=float)
    return pd.DataFrame({"batch": np.repeat(np.arange(6), 5), "value": table.ravel()})


def test_dyestuff_is_lme4s():
    # R: lmer(Yield ~ 1 + (1 | Batch), Dyestuff); Bates et al. print REML 319.6543, SDs 42.00 and 49.51
    fit = mixed_model(batches(DYESTUFF), value="value", fixed="1", crossed=("batch",))
    assert fit.criterion == pytest.approx(319.654276842, abs=1e-8)
    assert fit.sds == pytest.approx({"batch": 42.0005946300, "residual": 49.5101000907}, rel=1e-6)
    assert fit.estimate == pytest.approx(1527.5)
    assert fit.standard_error == pytest.approx(19.3834119437, rel=1e-6)
    assert fit.df == pytest.approx(5, abs=1e-5)
    assert fit.share("batch") == pytest.approx(42.00059463**2 / (42.00059463**2 + 49.5101000907**2), rel=1e-6)


def test_batches_that_do_not_differ_are_a_singular_fit_named():
    # R: lmer(Yield ~ 1 + (1 | Batch), Dyestuff2)
    fit = mixed_model(batches(NO_BATCHES), value="value", fixed="1", crossed=("batch",))
    assert fit.singular
    assert "singular fit: in batch, the SD of Intercept is zero" in fit.notes[0]
    assert fit.criterion == pytest.approx(161.828277812, abs=1e-8)
    assert fit.sds["batch"] == pytest.approx(0, abs=1e-6)
    assert fit.sds["residual"] == pytest.approx(3.71568427448, rel=1e-8)
    assert fit.df == pytest.approx(29, abs=1e-4)


def test_crossed_intercepts_are_lmertests():
    # R: lmer(y ~ arm + period + (1 | case) + (1 | technologist)) on tasks(240, 40, 6), bobyqa with rhoend 1e-9
    fit = mixed_model(tasks(240, 40, 6), value="y", fixed="arm + period", crossed=("case", "technologist"))
    assert fit.criterion == pytest.approx(113.114477897, abs=1e-7)
    assert fit.sds == pytest.approx({"case": 0.219921409197, "technologist": 0.311273452393, "residual": 0.249524980240}, rel=1e-5)
    arm = fit.coefficients["arm"]
    assert (arm.estimate, arm.se) == pytest.approx((-1.0617815983528, 0.0340431496919), rel=1e-6)
    assert [fit.coefficients[term].df for term in ("Intercept", "arm", "period")] == pytest.approx([7.6981, 206.6464, 209.9948], rel=1e-4)
    assert fit.coefficients["period"].p_value == pytest.approx(0.1693721466, rel=1e-5)
    assert not fit.singular


def test_slope_with_correlation_of_minus_one_is_kept_and_named():
    # R: lmer(y ~ arm + period + (1 | case) + (1 + arm | technologist)), same data; isSingular: TRUE
    fit = mixed_model(
        tasks(240, 40, 6), value="y", fixed="arm + period", crossed=("case", "technologist"), slopes=[("arm", "technologist")]
    )
    assert fit.criterion == pytest.approx(111.22393059, abs=1e-6)
    assert fit.singular
    assert "in technologist, a correlation is ±1" in fit.notes[0]
    assert fit.correlations["technologist:arm"] == pytest.approx(-1)
    assert fit.sds["technologist:arm"] == pytest.approx(0.0526800, rel=1e-4)
    arm = fit.coefficients["arm"]
    assert (arm.estimate, arm.se, arm.df) == pytest.approx((-1.0609312778777, 0.0401301296791, 9.46541391502), rel=1e-4)


def test_maximum_likelihood_is_lmertests():
    # R: the same with REML = FALSE
    fit = mixed_model(
        tasks(240, 40, 6), value="y", fixed="arm + period", crossed=("case", "technologist"), slopes=[("arm", "technologist")], reml=False
    )
    assert fit.criterion == pytest.approx(99.1820935674, abs=1e-6)
    assert fit.sds["technologist"] == pytest.approx(0.285220960707, rel=1e-4)
    assert (fit.coefficients["arm"].se, fit.coefficients["arm"].df) == pytest.approx((0.0389430767885, 12.61085971421), rel=1e-4)
    assert "maximum likelihood" in fit.method


def test_twenty_thousand_tasks_are_lme4s_and_quick():
    # R: lmer(y ~ arm + period + (1 | case) + (1 + arm | technologist)) on tasks(20000, 5000, 40)
    frame = tasks(20_000, 5_000, 40)
    began = time.perf_counter()
    fit = mixed_model(frame, value="y", fixed="arm + period", crossed=("case", "technologist"), slopes=[("arm", "technologist")])
    assert time.perf_counter() - began < 15  # under 1 s on two idle cores; statsmodels takes 50 s on a smaller problem
    assert fit.criterion == pytest.approx(7686.81532936, abs=1e-6)
    assert [fit.sds[name] for name in ("case", "technologist", "technologist:arm", "residual")] == pytest.approx(
        [0.1983779188888, 0.1615883388476, 0.0839643396553, 0.2508717398684], rel=1e-5
    )
    assert fit.correlations["technologist:arm"] == pytest.approx(0.0174665439943, rel=1e-3)
    for term, estimate, se, df in (
        ("Intercept", 2.5874434435470, 0.02643505980598, 44.1813958178),
        ("arm", -1.0352192273197, 0.01383581308162, 39.0400001223),
        ("period", 0.0336477061302, 0.00390938120604, 17721.3722065113),
    ):
        found = fit.coefficients[term]
        assert (found.estimate, found.se, found.df) == pytest.approx((estimate, se, df), rel=2e-5)


def test_statsmodels_finds_the_same_optimum():
    import statsmodels.formula.api as smf

    frame = tasks(240, 40, 6)
    theirs = smf.mixedlm("y ~ arm", frame, groups="technologist").fit(reml=True)
    mine = mixed_model(frame, value="y", fixed="arm", crossed=("technologist",))
    assert mine.criterion == pytest.approx(-2 * theirs.llf, abs=1e-4)
    assert mine.coefficients["arm"].estimate == pytest.approx(theirs.params["arm"], rel=1e-4)
    assert mine.coefficients["arm"].se == pytest.approx(theirs.bse["arm"], rel=1e-3)


def test_balanced_pairs_give_the_paired_t_test():
    # Known on paper: one random case, two arms, positive case variance: arm is tested by the paired t on n − 1 df
    rng = np.random.default_rng(5)
    case = np.repeat(np.arange(25), 2)
    frame = pd.DataFrame({"case": case, "arm": ["manual", "ai"] * 25, "y": rng.normal(size=25)[case] + rng.normal(0, 0.3, 50)})
    differences = frame.pivot_table(index="case", columns="arm", values="y").eval("ai - manual")
    expected = stats.ttest_1samp(differences, 0)
    fit = mixed_model(frame, value="y", fixed="arm", crossed=("case",))
    assert fit.term == "arm[T.ai]"
    assert fit.estimate == pytest.approx(differences.mean())
    assert fit.df == pytest.approx(24, abs=1e-4)
    assert fit.p_value == pytest.approx(expected.pvalue, rel=1e-5)
    low, high = expected.confidence_interval()
    assert tuple(fit.interval()) == pytest.approx((low, high), rel=1e-5)


@given(st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_swapping_the_arm_labels_reverses_the_sign_and_keeps_p(seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"case": np.repeat(np.arange(15), 4), "technologist": np.tile([0, 1, 2, 3], 15)})
    frame["arm"] = np.where((frame["case"] + frame["technologist"]) % 2 == 0, "manual", "ai")
    frame["y"] = rng.normal(size=60) + rng.normal(size=15)[frame["case"]] - 0.4 * (frame["arm"] == "ai")
    swapped = frame.assign(arm=frame["arm"].map({"manual": "ai", "ai": "manual"}))
    one, other = (
        mixed_model(rows, value="y", fixed="arm", crossed=("case", "technologist"), slopes=[("arm", "technologist")])
        for rows in (frame, swapped)
    )
    assert one.criterion == pytest.approx(other.criterion, abs=1e-5)
    assert one.estimate == pytest.approx(-other.estimate, abs=1e-6)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-2, abs=1e-6)


def test_joint_groups_are_both_columns_together():
    frame = tasks(240, 40, 6).assign(site=lambda rows: rows["technologist"] % 2)
    joint = frame.assign(both=frame["site"].astype(str) + frame["case"].astype(str))
    one = mixed_model(frame, value="y", fixed="arm", crossed=("site:case",))
    other = mixed_model(joint, value="y", fixed="arm", crossed=("both",))
    assert one.criterion == pytest.approx(other.criterion)
    assert one.sds["site:case"] == pytest.approx(other.sds["both"])


def test_units_of_outcome_and_slope_do_not_matter():
    frame = tasks(240, 40, 6)
    scaled = frame.assign(y=1e6 + 60 * frame["y"], arm=1000 * frame["arm"])
    options = {"value": "y", "fixed": "arm + period", "crossed": ("case", "technologist"), "slopes": [("arm", "technologist")]}
    one, other = mixed_model(frame, **options), mixed_model(scaled, **options)
    assert other.coefficients["arm"].estimate == pytest.approx(one.coefficients["arm"].estimate * 0.06, rel=1e-5)
    assert other.coefficients["arm"].df == pytest.approx(one.coefficients["arm"].df, rel=1e-3)
    assert other.sds["technologist:arm"] == pytest.approx(one.sds["technologist:arm"] * 0.06, rel=1e-3)


def test_rows_with_missing_values_and_implied_columns_are_named():
    frame = tasks(240, 40, 6)
    frame["after"] = 1 - frame["arm"]
    frame.loc[[3, 5], "y"] = np.nan
    fit = mixed_model(frame, value="y", fixed="arm + after", crossed=("case",))
    assert fit.n == 238
    assert fit.notes == ("2 of 240 rows left out: a value is missing", "dropped because other columns imply them: after")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crossed": ("one",)}, "at least 2 levels of 'one', got 1; leave 'one' out"),
        ({"crossed": ("row",)}, "fewer random effects of 'row' than rows"),
        ({"crossed": ()}, "at least one random term"),
        ({"crossed": "case"}, "a sequence of columns"),
        ({"crossed": ("nobody",)}, "a column 'nobody'"),
        ({"slopes": ["arm"]}, "pairs"),
        ({"slopes": [("labels", "case")]}, "two labels"),
        ({"value": "constant"}, "a constant outcome needs no model"),
        ({"fixed": "arm + nope"}, "'nope'"),
        ({"fixed": "__import__('os').system('true')"}, "__import__"),
        ({"fixed": "arm.mean()"}, "a right-hand side"),
        ({"fixed": "arm + (period"}, "a model formula"),
        ({"fixed": "0"}, "write '1' for a mean alone"),
    ],
)
def test_impossible_models_are_refused_with_a_remedy(change, message):
    frame = tasks(60, 10, 3).assign(one="a", row=np.arange(60), constant=4, labels=np.tile(list("abc"), 20))
    options = {"value": "y", "fixed": "arm + period", "crossed": ("case",)} | change
    with pytest.raises(StatisticsError) as caught:
        mixed_model(frame, **options)
    assert message in str(caught.value)


def test_an_outcome_that_the_cases_explain_wholly_is_refused():
    frame = tasks(60, 10, 3).assign(y=lambda rows: rows["case"] * 1.0)
    with pytest.raises(StatisticsError, match="perfect fit"):
        mixed_model(frame, value="y", fixed="arm", crossed=("case",))


def test_result_is_json_ready_and_finds_the_arm_by_its_column():
    frame = tasks(240, 40, 6).assign(arm=lambda rows: np.where(rows["arm"] < 0, "manual", "ai"))
    fit = mixed_model(frame, value="y", fixed="arm + period", crossed=("case", "technologist"), slopes=[("arm", "technologist")])
    answer = json.loads(json.dumps(fit.to_dict()))
    assert answer["coefficients"]["arm[T.ai]"]["estimate"] == fit.coefficients["arm"].estimate == fit.estimate
    assert answer["sds"]["residual"] > 0
    with pytest.raises(KeyError, match="nobody"):
        fit.coefficients["nobody"]
