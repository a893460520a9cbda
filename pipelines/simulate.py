"""Write a company with a known truth: its tables for every stage, its truth for nobody but the oracle."""

from __future__ import annotations

import logging

from churn.integrations.layers import source_folder
from churn.integrations.results import StageResult
from churn.simulation.answers import truth_folder
from churn.simulation.company import simulate_company
from churn.simulation.settings import SimulateSettings
from pipelines.stages import main_of

log = logging.getLogger(__name__)


def run(settings: SimulateSettings) -> StageResult:
    """Write the tables under the source's `raw` folder and the truth in a folder apart."""
    result = StageResult()
    folder, truth = source_folder(settings, "raw"), truth_folder(settings)
    with result.timed("simulate"):
        summary = simulate_company(settings.simulation, folder, truth)
    for kind, count in summary.dirt.items():
        log.info("dirt: %s %s", kind.replace(":", " in "), f"{count:,}")
    result.rows_out, result.artifacts = summary.rows, {"tables": str(folder), "truth": str(truth)}
    result.summary = (
        f"{summary.rows['customers']:,} customers, {sum(summary.rows.values()):,} rows in {len(summary.rows)} tables; "
        f"{summary.left_voluntary:,} left by their own will, {summary.left_involuntary:,} by a failed payment; "
        f"read it with source={settings.source.name}"
    )
    return result


if __name__ == "__main__":
    raise SystemExit(main_of("simulate")(None))
