"""Pure statistics: arrays and data frames in, frozen results out."""

from study.statistics import sample_size
from study.statistics.anytime import confidence_sequence
from study.statistics.blinding import blinding_index
from study.statistics.clustered_bootstrap import bootstrap_difference
from study.statistics.clustered_logistic import gee_logistic
from study.statistics.comparison_sites import difference_in_differences
from study.statistics.control_charts import cusum, individuals_chart, p_chart
from study.statistics.counts import count_ratio
from study.statistics.crossed_means import crossed_mean
from study.statistics.geometric_means import geometric_mean_ratio
from study.statistics.interrupted import interrupted_series
from study.statistics.intraclass import icc
from study.statistics.learning import learning_curve
from study.statistics.means import welch
from study.statistics.measured_staffing import staffing_range
from study.statistics.mixed_model import mixed_model
from study.statistics.multiplicity import holm
from study.statistics.observers import event_agreement
from study.statistics.ordinal_pairs import marginal_homogeneity
from study.statistics.paired_means import paired_difference
from study.statistics.paired_passes import mcnemar, paired_pass_difference
from study.statistics.pairs import complete_pairs, paired_values
from study.statistics.pass_rates import pass_rate
from study.statistics.permutations import permutation_test
from study.statistics.rank_sums import mann_whitney
from study.statistics.rater_agreement import agreement
from study.statistics.reader_sizing import mrmc_cases_needed, mrmc_power
from study.statistics.reader_study import ReaderComponents, mrmc
from study.statistics.relative_effects import brunner_munzel
from study.statistics.results import Interval, Result, StatisticsError
from study.statistics.risk_differences import risk_difference
from study.statistics.signed_rank import hodges_lehmann
from study.statistics.special_causes import special_cause
from study.statistics.spending import spending_boundaries
from study.statistics.staffing import erlang_c, servers_needed
from study.statistics.strata import mantel_haenszel, stratified_risk_difference

__all__ = [
    "Interval",
    "ReaderComponents",
    "Result",
    "StatisticsError",
    "agreement",
    "blinding_index",
    "bootstrap_difference",
    "brunner_munzel",
    "complete_pairs",
    "confidence_sequence",
    "count_ratio",
    "crossed_mean",
    "cusum",
    "difference_in_differences",
    "erlang_c",
    "event_agreement",
    "gee_logistic",
    "geometric_mean_ratio",
    "hodges_lehmann",
    "holm",
    "icc",
    "individuals_chart",
    "interrupted_series",
    "learning_curve",
    "mann_whitney",
    "mantel_haenszel",
    "marginal_homogeneity",
    "mcnemar",
    "mixed_model",
    "mrmc",
    "mrmc_cases_needed",
    "mrmc_power",
    "p_chart",
    "paired_difference",
    "paired_pass_difference",
    "paired_values",
    "pass_rate",
    "permutation_test",
    "risk_difference",
    "sample_size",
    "servers_needed",
    "special_cause",
    "spending_boundaries",
    "staffing_range",
    "stratified_risk_difference",
    "welch",
]
