"""Minutes by arm: distribution, paired difference, every estimate."""

from dashboard.arms import measure_page

measure_page("minutes", noun="Minutes", unit="hands-on time [min]", effects_in="min")
