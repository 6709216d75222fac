"""Pure statistics: arrays and data frames in, frozen results out."""

from study.statistics import sample_size
from study.statistics.anytime import confidence_sequence
from study.statistics.blinding import blinding_index
from study.statistics.comparison_sites import difference_in_differences
from study.statistics.control_charts import cusum, individuals_chart, p_chart
from study.statistics.crossed_means import crossed_mean
from study.statistics.geometric_means import geometric_mean_ratio
from study.statistics.interrupted import interrupted_series
from study.statistics.intraclass import icc
from study.statistics.learning import learning_curve
from study.statistics.means import welch
from study.statistics.mixed_model import mixed_model
from study.statistics.multiplicity import holm
from study.statistics.observers import event_agreement
from study.statistics.paired_means import paired_difference
from study.statistics.paired_passes import mcnemar, paired_pass_difference
from study.statistics.pairs import paired_values
from study.statistics.pass_rates import pass_rate
from study.statistics.rater_agreement import agreement
from study.statistics.reader_sizing import mrmc_cases_needed, mrmc_power
from study.statistics.reader_study import ReaderComponents, mrmc
from study.statistics.results import Interval, Result, StatisticsError
from study.statistics.signed_rank import hodges_lehmann
from study.statistics.special_causes import special_cause
from study.statistics.spending import spending_boundaries
from study.statistics.staffing import erlang_c, servers_needed

__all__ = [
    "Interval",
    "ReaderComponents",
    "Result",
    "StatisticsError",
    "agreement",
    "blinding_index",
    "confidence_sequence",
    "crossed_mean",
    "cusum",
    "difference_in_differences",
    "erlang_c",
    "event_agreement",
    "geometric_mean_ratio",
    "hodges_lehmann",
    "holm",
    "icc",
    "individuals_chart",
    "interrupted_series",
    "learning_curve",
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
    "sample_size",
    "servers_needed",
    "special_cause",
    "spending_boundaries",
    "welch",
]
