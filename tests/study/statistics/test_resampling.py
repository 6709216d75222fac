"""Bootstrap by cluster and permutation within strata."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.statistics import StatisticsError, bootstrap_difference, permutation_test

# Darwin (1876), analysed by Fisher (1935): heights of 15 pairs of crossed and self-fertilised maize, in eighths of an inch.
CROSSED = [188, 96, 168, 176, 153, 172, 177, 163, 146, 173, 186, 168, 177, 184, 96]
SELFED = [139, 163, 160, 160, 147, 149, 149, 122, 132, 144, 130, 144, 102, 124, 144]


def maize():
    return pd.DataFrame({"pair": [*range(15)] * 2, "arm": ["ai"] * 15 + ["manual"] * 15, "height": CROSSED + SELFED})


def clusters(n=30, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"who": np.repeat(np.arange(n), 6), "arm": ["manual", "ai"] * (3 * n)})
    frame["minutes"] = 14 - 9 * (frame["arm"] == "ai") + rng.normal(size=n)[frame["who"]] + rng.normal(size=6 * n)
    return frame


def test_sign_changes_of_darwins_maize_give_fishers_p():
    # Fisher (1935), section 21: 1,726 of 32,768 arrangements, 5.267 %
    result = permutation_test(maize(), value="height", arm="arm", strata="pair", draws=40_000)
    assert result.exact
    assert result.p_value == 1726 / 32768
    assert result.estimate == pytest.approx(314 / 15)


def test_exact_interval_of_darwins_maize_is_the_enumerated_one():
    differences = np.array(CROSSED) - np.array(SELFED)
    signs = np.array(np.meshgrid(*[[1, -1]] * 15)).reshape(15, -1)
    low, high = permutation_test(maize(), value="height", arm="arm", strata="pair", draws=40_000).interval()
    for shift, inside in ((low - 0.01, False), (low + 0.01, True), (high - 0.01, True), (high + 0.01, False)):
        moved = differences - shift
        sums = moved @ signs
        tail = min((sums >= moved.sum() - 1e-9).mean(), (sums <= moved.sum() + 1e-9).mean())
        assert (tail > 0.025) == inside


def test_random_shuffles_agree_with_all_of_them():
    exact = permutation_test(maize(), value="height", arm="arm", strata="pair", draws=40_000)
    drawn = permutation_test(maize(), value="height", arm="arm", strata="pair", draws=20_000, seed=4)
    assert not drawn.exact
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * math.sqrt(0.05 * 0.95 / 20_000))
    assert tuple(drawn.interval()) == pytest.approx(tuple(exact.interval()), abs=1.5)


def test_without_strata_it_is_scipys_two_sample_permutation_test():
    rows = maize().iloc[[0, 1, 2, 3, 15, 16, 17, 18, 19]]
    expected = stats.permutation_test((CROSSED[:4], SELFED[:5]), lambda x, y: np.mean(x) - np.mean(y), n_resamples=np.inf, vectorized=False)
    result = permutation_test(rows, value="height", arm="arm")
    # scipy doubles the smaller tail, here |difference| is compared: both are 1.0 or agree by the symmetry of the distribution
    assert result.draws == math.comb(9, 4)
    assert result.p_value == pytest.approx(expected.pvalue, abs=0.05)
    assert result.estimate == pytest.approx(np.mean(CROSSED[:4]) - np.mean(SELFED[:5]))


def test_shuffles_within_strata_ignore_differences_between_them():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"site": np.repeat([0, 1], 40), "arm": ["manual"] * 30 + ["ai"] * 20 + ["manual"] * 10 + ["ai"] * 20})
    frame["minutes"] = 100 * frame["site"] + rng.normal(size=80)
    within = permutation_test(frame, value="minutes", arm="arm", strata="site", draws=2_000)
    assert abs(within.estimate) < 1
    assert within.p_value > 0.01
    assert permutation_test(frame, value="minutes", arm="arm", draws=2_000).p_value < 0.05


@pytest.mark.parametrize("strata", [None, "who"])
def test_swapping_the_arms_reverses_the_difference_and_keeps_an_exact_p(strata):
    frame = clusters(n=3).groupby(["who", "arm"], as_index=False).mean()
    swapped = frame.assign(arm=frame["arm"].map({"manual": "ai", "ai": "manual"}))
    one, other = (permutation_test(rows, value="minutes", arm="arm", strata=strata) for rows in (frame, swapped))
    assert one.exact
    assert one.estimate == pytest.approx(-other.estimate)
    assert one.p_value == pytest.approx(other.p_value)
    assert tuple(one.interval(0.5)) == pytest.approx((-other.interval(0.5).high, -other.interval(0.5).low))


def test_too_few_shuffles_leave_the_interval_open():
    result = permutation_test(maize().iloc[[0, 1, 15, 16]], value="height", arm="arm", strata="pair")
    assert result.draws == 4
    assert tuple(result.interval()) == (-math.inf, math.inf)
    assert result.to_dict()["draws"] == 4


def test_strata_with_one_arm_and_missing_values_are_counted():
    frame = pd.concat([maize(), pd.DataFrame({"pair": [77, 78], "arm": ["ai", "manual"], "height": [100.0, np.nan]})])
    result = permutation_test(frame, value="height", arm="arm", strata="pair", draws=500)
    assert result.notes == ("1 of 32 rows left out: a value is missing", "1 of 16 strata have one arm only and say nothing")


def test_bootstrap_of_pairs_agrees_with_scipy():
    result = bootstrap_difference(maize(), value="height", arm="arm", cluster="pair", draws=40_000, seed=1)
    data = (np.array(CROSSED) - np.array(SELFED),)
    for method in ("percentile", "BCa", "basic"):
        expected = stats.bootstrap(data, np.mean, method=method, n_resamples=40_000, rng=2).confidence_interval
        assert tuple(result.interval(method=method.lower())) == pytest.approx(tuple(expected), abs=1.2)
    assert result.standard_error == pytest.approx(np.std(data[0]) / math.sqrt(15), rel=0.02)


def test_bootstrap_error_of_cluster_means_is_the_known_one():
    # Balanced clusters: the difference is the mean of the clusters' own differences, so its bootstrap SD is their SD (divisor n) / √n
    frame = clusters()
    own = frame.pivot_table(index="who", columns="arm", values="minutes").eval("ai - manual")
    result = bootstrap_difference(frame, value="minutes", arm="arm", cluster="who", draws=20_000, seed=5)
    assert result.estimate == pytest.approx(own.mean())
    assert result.standard_error == pytest.approx(own.std(ddof=0) / math.sqrt(30), rel=0.03)
    assert result.n == 30
    assert result.notes == ()


def test_bootstrap_is_reproducible_by_its_seed_and_reverses_with_the_arms():
    frame = clusters()
    options = {"value": "minutes", "arm": "arm", "cluster": "who", "draws": 1_000}
    one, again, other = (bootstrap_difference(frame, **options, seed=seed) for seed in (1, 1, 2))
    assert tuple(one.interval()) == tuple(again.interval()) != tuple(other.interval())
    swapped = bootstrap_difference(frame.assign(arm=frame["arm"].map({"manual": "ai", "ai": "manual"})), **options, seed=1)
    assert swapped.estimate == pytest.approx(-one.estimate)
    assert swapped.p_value == one.p_value
    assert tuple(swapped.interval()) == pytest.approx((-one.interval().high, -one.interval().low))


def test_technologists_with_one_arm_each_are_drawn_within_their_arm():
    frame = clusters()
    frame["arm"] = np.where(frame["who"] < 2, "ai", "manual")
    result = bootstrap_difference(frame, value="minutes", arm="arm", cluster="who", draws=1_000, seed=1)
    assert "drawn within each arm" in result.method
    assert math.isfinite(result.standard_error)


def test_few_clusters_are_warned_of_and_one_is_refused():
    frame = clusters(n=4)
    assert "fewer than 10" in bootstrap_difference(frame, value="minutes", arm="arm", cluster="who", draws=200, seed=1).notes[0]
    with pytest.raises(StatisticsError, match="one technologist"):
        bootstrap_difference(frame.query("who == 0"), value="minutes", arm="arm", cluster="who", seed=1)


def test_impossible_requests_are_refused():
    frame = clusters(n=4)
    with pytest.raises(StatisticsError, match="two arms"):
        permutation_test(frame.query("arm == 'ai'"), value="minutes", arm="arm")
    with pytest.raises(StatisticsError, match="a stratum with both arms"):
        permutation_test(frame.assign(each=np.arange(24)), value="minutes", arm="arm", strata="each")
    with pytest.raises(StatisticsError, match="at least 100 draws"):
        bootstrap_difference(frame, value="minutes", arm="arm", cluster="who", draws=5, seed=1)
    with pytest.raises(StatisticsError, match="bca"):
        bootstrap_difference(frame, value="minutes", arm="arm", cluster="who", draws=200, seed=1).interval(method="t")
    with pytest.raises(StatisticsError, match="a column 'hours'"):
        permutation_test(frame, value="hours", arm="arm")


def test_results_are_json_ready():
    answer = bootstrap_difference(clusters(), value="minutes", arm="arm", cluster="who", draws=200, seed=1).to_dict()
    assert "_replicates" not in json.dumps(answer)
