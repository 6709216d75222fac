"""Pure statistics: arrays and data frames in, frozen results out."""

from study.statistics.crossed_means import crossed_mean
from study.statistics.reader_sizing import mrmc_cases_needed, mrmc_power
from study.statistics.reader_study import ReaderComponents, mrmc
from study.statistics.results import Interval, Result, StatisticsError

__all__ = [
    "Interval",
    "ReaderComponents",
    "Result",
    "StatisticsError",
    "crossed_mean",
    "mrmc",
    "mrmc_cases_needed",
    "mrmc_power",
]
