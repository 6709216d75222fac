"""Simulated departments with a known effect: does the segmented regression's interval cover it, and does a quiet one stay quiet?

    python -m benchmarks.roll_outs [--departments 400] [--only 52,0,0.3] [--out FILE.json]

Every department has weekly mean minutes with autocorrelated noise (AR(1), a department's weeks are not independent), a switch in a week
drawn at random between a third and two thirds of the series, and a level change of −6 minutes or none. The model is the one that the
efficiency page and the plan run (`study.analysis.roll_out`): REML AR(1) from 12 points a side, the switch week given by the protocol.
"At a switch week nobody announced" is also run: a department that did nothing is tested at a random week, and the control chart is
looked at without any re-base, as published and with a moving centre (`study.weekly_charts.mean_chart(follow=True)`).
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study import statistics as st
from study.weekly_charts import mean_chart

EFFECT = -6.0
SD = 0.6


def weeks_of(rng: np.random.Generator, *, weeks: int, switch: int, effect: float, rho: float, slope: float) -> pd.DataFrame:
    """Weekly mean minutes of a department."""
    noise = np.empty(weeks)
    noise[0] = SD * rng.standard_normal()
    for week in range(1, weeks):
        noise[week] = rho * noise[week - 1] + SD * np.sqrt(1 - rho**2) * rng.standard_normal()
    time_ = np.arange(weeks)
    return pd.DataFrame({"time": time_ - switch, "value": 14.0 + slope * (time_ - switch) + effect * (time_ >= switch) + noise})


def department(seed: int, *, weeks: int, effect: float, rho: float) -> dict[str, Any]:
    """One replicate: coverage, signal, and what the control chart says without being told of the switch."""
    rng = np.random.default_rng([20201001, seed, weeks, int(100 * rho), int(-effect)])
    switch = int(rng.integers(weeks // 3, 2 * weeks // 3))
    slope = rng.normal(0, 0.02) if effect else 0.0  # a slope of its own is a special cause, too: nothing happened means none
    frame = weeks_of(rng, weeks=weeks, switch=switch, effect=effect, rho=rho, slope=slope)
    how = "ar1" if min(switch, weeks - switch) >= 12 else "newey-west"
    found = st.interrupted_series(frame, time="time", value="value", switch=0, family="gaussian", autocorrelation=how)
    low, high = found.level_change.interval(0.95)
    table = pd.DataFrame({"week": pd.date_range("2026-01-05", periods=weeks, freq="7D", tz="UTC"), "mean": frame["value"], "cases": 40})
    told: dict[str, Any] = {"covered": low <= effect <= high, "signal": not low <= 0 <= high, "ar1": how == "ar1"}
    for name, follow in (("chart", False), ("moving chart", True)):
        signals = np.array([bool(signal) for signal in mean_chart(table, unit="min", follow=follow).signals])
        told |= {f"{name} signal in 8 weeks": bool(signals[switch : switch + 8].any()), f"{name} points with signal": float(signals.mean())}
    return told


SETTINGS = (
    (52, EFFECT, 0.0),
    (52, EFFECT, 0.3),
    (104, EFFECT, 0.3),
    (104, EFFECT, 0.6),
    (52, 0.0, 0.0),
    (52, 0.0, 0.3),
    (104, 0.0, 0.3),
    (104, 0.0, 0.6),
)


def main() -> None:
    """Run all settings, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--departments", type=int, default=400)
    parser.add_argument("--only", metavar="WEEKS,EFFECT,RHO", help="one setting")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    weeks_effect_rho = [float(part) for part in options.only.split(",")] if options.only else []
    settings = [(int(weeks_effect_rho[0]), *weeks_effect_rho[1:])] if options.only else SETTINGS
    rows = []
    for weeks, effect, rho in settings:
        began = time.perf_counter()
        found = pd.DataFrame([department(seed, weeks=weeks, effect=effect, rho=rho) for seed in range(options.departments)]).mean()
        row = {"weeks": weeks, "effect": effect, "rho": rho, "departments": options.departments, **found.round(4).to_dict()}
        print(json.dumps({**row, "seconds": round(time.perf_counter() - began, 1)}), flush=True)
        rows.append(row)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
