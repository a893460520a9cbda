"""A comparison of runs as one HTML file that needs nothing else: table, differences, pictures, settings that differ."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn.core.settings import ChurnSettings
from churn.core.tuning import SMALLER_IS_BETTER
from churn.evaluation.comparison import Comparison, leaderboard
from churn.evaluation.figures import COLOURS, GREY, RED, new_figure
from churn.evaluation.metrics import in_words
from churn.evaluation.plots import plot_calibration, plot_gain, plot_precision_recall, plot_roc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: #1c2733; margin: 0;
  background: #f4f6f8; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 36px 0 10px; }
p { margin: 4px 0; color: #52606d; max-width: 80ch; }
.card { background: #fff; border: 1px solid #dde3e9; border-radius: 8px; padding: 4px 16px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13.5px; }
th, td { text-align: right; padding: 8px 8px; border-bottom: 1px solid #e8ecf0; white-space: nowrap; }
th { font-weight: 600; color: #52606d; white-space: normal; vertical-align: bottom; }
tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; } tr.best td { background: #eaf4ec; font-weight: 600; }
td small { display: block; color: #7b8794; font-weight: 400; } td small.noise { color: #9a6700; }
.card + p { margin-top: 10px; }
.settings td, .settings th { text-align: left; white-space: normal; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 16px; }
.pictures.wide { display: block; max-width: 760px; }
.pictures img { width: 100%; background: #fff; border: 1px solid #dde3e9; border-radius: 8px; }
"""


def write_page(
    comparison: Comparison, facts: Mapping[str, Mapping[str, str]], differing: pd.DataFrame, settings: ChurnSettings
) -> str:
    """Return the page.

    Parameters
    ----------
    facts
        `run`, `started` and `status` by run.
    differing
        Settings in which the runs differ: one row per setting, one column per run.
    """
    source, share = settings.source.name, f"{settings.evaluation.interval:.0%}"
    order = "smallest" if comparison.metric in SMALLER_IS_BETTER else "largest"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Runs of {escape(source)} compared</title><style>{STYLE}</style></head><body><main>
<h1>Training runs of {escape(source)}, by {escape(in_words(comparison.metric))}</h1>
<p>Measured on the same test rows: {escape(comparison.describe_rows())}. Capacity:
{settings.policy.capacity:,} customers a date.</p>
<h2>Leaderboard</h2>
<div class="card">{_leaderboard(comparison, facts)}</div>
<p>Best is the {order} {escape(in_words(comparison.metric))}; minus is worse. Differences are paired: every run is
measured on the same {settings.evaluation.bootstrap_samples} resamples of customers, and the brackets hold {share} of
them. "Within noise" says that the difference may be nothing.</p>
{_differences(comparison)}
<h2>Pictures</h2>
<div class="pictures">{_pictures(comparison, settings.policy.capacity)}</div>
{_settings(differing, comparison.names)}
</main></body></html>
"""


def _leaderboard(comparison: Comparison, facts: Mapping[str, Mapping[str, str]]) -> str:
    table = leaderboard(comparison)
    columns = [name for name in table.columns if name not in ("run", "difference", "noise")]
    head = "".join(
        f"<th>{escape(in_words(name))}</th>" for name in ["run", *columns[:1], "against the best", *columns[1:]]
    )
    body = []
    for place, record in enumerate(table.to_dict("records")):
        found = comparison.report.metrics[record["run"]][comparison.metric]
        fact = facts.get(record["run"], {})
        about = " · ".join(v for v in (fact.get("run", "")[:8], fact.get("started", ""), fact.get("status", "")) if v)
        cells = [
            f"<td>{escape(record['run'])}<small>{escape(about)}</small></td>",
            f"<td>{found.value:.4f}<small>{found.low:.4f} to {found.high:.4f}</small></td>",
            f'<td>{escape(record["difference"])}<small class="noise">{record["noise"]}</small></td>',
            *(f"<td>{record[name]}</td>" for name in columns[1:]),
        ]
        best = "" if place else ' class="best"'
        body.append(f"<tr{best}>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _differences(comparison: Comparison) -> str:
    if len(comparison.names) < 2:
        return ""
    picture = _image(plot_differences(comparison), "differences")
    return f'<h2>Distance to the best</h2><div class="pictures wide">{picture}</div>'


def plot_differences(comparison: Comparison) -> Figure:
    """Return every run's distance to the best with its interval; left of the line is worse."""
    names = comparison.names[1:]
    figure = new_figure(7.6, 1.4 + 0.42 * len(names))
    axes = figure.subplots()
    for place, name in enumerate(names):
        lead = comparison.lead(name)
        assert lead is not None  # noqa: S101 - only the first has none
        colour = GREY if comparison.is_within_noise(name) else RED
        axes.plot([-lead.high, -lead.low], [place, place], color=colour, lw=2)
        axes.plot(-lead.value, place, "o", color=colour)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set(
        title=f"Behind {comparison.names[0]}",
        xlabel=f"{in_words(comparison.metric)} (left is worse; grey is within noise)",
    )
    axes.grid(axis="x", alpha=0.25)
    return figure


def _pictures(comparison: Comparison, capacity: int) -> str:
    drawn = dict(islice(comparison.probabilities.items(), len(COLOURS)))
    churned = comparison.rows["churned"].to_numpy(dtype=float)
    pictures = {
        "gain": plot_gain(comparison.rows, drawn, capacity),
        "calibration": plot_calibration(churned, drawn),
        "ROC": plot_roc(churned, drawn),
        "precision and recall": plot_precision_recall(churned, drawn),
    }
    note = (
        f"<p>Drawn are the best {len(drawn)} of {len(comparison.names)} runs.</p>"
        if len(drawn) < len(comparison.names)
        else ""
    )
    return note + "".join(_image(figure, name) for name, figure in pictures.items())


def _image(figure: Figure, name: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def _settings(differing: pd.DataFrame, names: list[str]) -> str:
    if differing.empty:
        return "<h2>Settings that differ</h2><p>None: these runs were made with the same settings.</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in ["setting", *names])
    rows = [
        f"<tr><td>{escape(str(setting))}</td>{''.join(f'<td>{_cell(values[name])}</td>' for name in names)}</tr>"
        for setting, values in differing.iterrows()
    ]
    table = f'<table class="settings"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<h2>Settings that differ</h2><div class="card">{table}</div>'


def _cell(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else escape(str(value))
