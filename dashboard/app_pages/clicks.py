"""Clicks by arm: distribution, paired difference, every estimate."""

from dashboard.arms import measure_page

measure_page("clicks", noun="Clicks", unit="clicks", effects_in="clicks")
