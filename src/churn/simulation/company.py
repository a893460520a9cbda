"""A whole company, simulated block by block and written as Parquet, with its truth beside it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from churn.core.errors import ConfigRefused
from churn.simulation.accounts import (
    customer_names,
    customers_table,
    incidents_table,
    interventions_table,
    payments_table,
    subscriptions_table,
)
from churn.simulation.block import INVOLUNTARY
from churn.simulation.engagement import draw_events, events_table
from churn.simulation.history import live_block
from churn.simulation.outreach import draw_messages, draw_responses, messages_table, responses_table
from churn.simulation.process import Dynamics, build_dynamics
from churn.simulation.settings import SimulationSettings
from churn.simulation.soiling import deliver
from churn.simulation.storage import staged_folder, write_manifest, write_part
from churn.simulation.support import draw_tickets, tickets_table
from churn.simulation.timeline import build_calendar
from churn.simulation.trajectory import joined
from churn.simulation.truth import truth_tables

NUMBERS_PER_BLOCK = 100_000_000


@dataclass(frozen=True)
class SimulationSummary:
    """What was written: rows by table and of the truth, dirt by `kind:table`, those who left, and how long it took."""

    rows: dict[str, int]
    truth_rows: dict[str, int]
    dirt: dict[str, int]
    left_voluntary: int
    left_involuntary: int
    seconds: float


def simulate_company(settings: SimulationSettings, output_dir: Path, truth_dir: Path) -> SimulationSummary:
    """Simulate a company and write its tables and its truth, each folder whole or not at all.

    Parameters
    ----------
    settings
        The company; settings and seed decide every byte but not how many threads work on it.
    output_dir
        Folder of the contract tables, `<table>/part-NNNNN.parquet`; a former simulation there is replaced.
    truth_dir
        Folder of the truth; apart from the other.

    Raises
    ------
    ConfigRefused
        When one folder lies in the other.
    OutputFailed
        When a folder cannot be written or holds something else.
    RunLocked
        When another simulation is writing one of the folders.
    """
    began = time.perf_counter()
    _check_apart(output_dir.resolve(), truth_dir.resolve())
    dynamics = build_dynamics(settings, build_calendar(settings))
    rows: Counter[str] = Counter()
    with staged_folder(output_dir.resolve()) as output, staged_folder(truth_dir.resolve()) as truth:
        rows["incidents"] = write_part(output, "incidents", 0, incidents_table(settings, dynamics.calendar))
        for found in _blocks(dynamics, output, truth):
            rows.update(found)
        summary = _summary(rows, time.perf_counter() - began)
        values = settings.model_dump(mode="json", exclude={"threads", "chunk_customers"})
        write_manifest(truth, {"part": "truth", "settings": values, "rows": summary.truth_rows, "dirt": summary.dirt})
        write_manifest(output, {"part": "tables", "settings": values, "rows": summary.rows})
    return summary


def _check_apart(output: Path, truth: Path) -> None:
    if output == truth or output in truth.parents or truth in output.parents:
        raise ConfigRefused([f"the truth ({truth}) must lie apart from the tables ({output}): neither in the other"])


def _summary(rows: Counter[str], seconds: float) -> SimulationSummary:
    tables = {name: count for name, count in sorted(rows.items()) if ":" not in name}
    truth, dirt = (
        {name.removeprefix(part): count for name, count in sorted(rows.items()) if name.startswith(part)}
        for part in ("truth:", "dirt:")
    )
    return SimulationSummary(tables, truth, dirt, rows["left:voluntary"], rows["left:involuntary"], seconds)


def _blocks(dynamics: Dynamics, output: Path, truth: Path) -> Iterator[Counter[str]]:
    """Work through all blocks, a bounded number at a time."""
    settings = dynamics.settings
    at_once = max(1, min(settings.threads, settings.chunk_customers // settings.block_customers))
    waiting: deque[Future[Counter[str]]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="simulate") as workers:
        try:
            for block in range(settings.blocks):
                waiting.append(workers.submit(_write_block, dynamics, block, output, truth))
                if len(waiting) > at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()


def _write_block(dynamics: Dynamics, block: int, output: Path, truth: Path) -> Counter[str]:
    """Simulate one block and write its part of every table."""
    life, record = live_block(dynamics, block)
    names = customer_names(life)
    traits, first = life.traits, block * NUMBERS_PER_BLOCK
    tickets = draw_tickets(dynamics, traits, record, block)
    answers = draw_responses(dynamics, traits, record, tickets, block)
    messages = draw_messages(dynamics, traits, record, block)
    seated = max(plan.seats for plan in dynamics.settings.plans) > 1
    events = draw_events(dynamics, traits, record, block)
    tables = {
        "customers": customers_table(life, names),
        "subscriptions": subscriptions_table(life, names),
        "events": events_table(dynamics, names, events, first, seated),
        "tickets": tickets_table(dynamics, names, tickets, first, block),
        "payments": payments_table(dynamics, life, names, first, block),
        "messages": messages_table(dynamics, names, messages, first),
        "responses": responses_table(dynamics, names, answers, first, block),
        "interventions": interventions_table(life, names, first),
    }
    rows: Counter[str] = Counter()
    for name in list(tables):
        rows.update(_deliver(dynamics.settings, name, tables.pop(name), block, output))
    del events
    for name, table in truth_tables(dynamics, life, names, block).items():
        rows[f"truth:{name}"] = write_part(truth, name, block, table)
    reasons = joined(record.departures)["reason"]
    rows["left:involuntary"] = int((reasons == INVOLUNTARY).sum())
    rows["left:voluntary"] = int(reasons.size - rows["left:involuntary"])
    return rows


def _deliver(settings: SimulationSettings, name: str, table: pa.Table, block: int, output: Path) -> Counter[str]:
    """Write one block's part of a table, with the dirt it is delivered with."""
    delivery = deliver(settings, name, table, block)
    rows = Counter({name: write_part(output, name, block, delivery.rows)})
    if delivery.changed is not None:
        rows[name] += write_part(output, name, block, delivery.changed, layout="_changed")
    rows.update({f"dirt:{kind}:{name}": count for kind, count in delivery.counts.items()})
    return rows
