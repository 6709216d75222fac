"""Pure statistics: arrays and data frames in, frozen results out."""

from study.statistics.crossed_means import crossed_mean
from study.statistics.geometric_means import geometric_mean_ratio
from study.statistics.means import welch
from study.statistics.paired_means import paired_difference
from study.statistics.paired_passes import mcnemar, paired_pass_difference
from study.statistics.pairs import paired_values
from study.statistics.pass_rates import pass_rate
from study.statistics.reader_sizing import mrmc_cases_needed, mrmc_power
from study.statistics.reader_study import ReaderComponents, mrmc
from study.statistics.results import Interval, Result, StatisticsError
from study.statistics.signed_rank import hodges_lehmann

__all__ = [
    "Interval",
    "ReaderComponents",
    "Result",
    "StatisticsError",
    "crossed_mean",
    "geometric_mean_ratio",
    "hodges_lehmann",
    "mcnemar",
    "mrmc",
    "mrmc_cases_needed",
    "mrmc_power",
    "paired_difference",
    "paired_pass_difference",
    "paired_values",
    "pass_rate",
    "welch",
]
