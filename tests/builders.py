"""Small tables written as text, settings with sensible defaults, and a company in files that can be broken."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import CONTRACT, DELAY
from churn.core.errors import DataRefused
from churn.core.problem import CohortSettings, FeatureSettings, LabelSettings, WindowSettings
from churn.core.settings import ChurnSettings, EngineSettings
from churn.core.source import InputSettings, SourceSettings
from churn.core.strict import build_settings
from churn.features.family import FeatureInputs
from churn.features.matrix import build_features
from churn.integrations.engines import open_engine
from churn.integrations.layers import Layer, read_staged, source_folder, write_staged
from churn.integrations.sources import explain_engine_error, open_source
from churn.snapshots.cohort import build_candidates, build_snapshots
from churn.snapshots.grid import grid_table
from churn.snapshots.labels import build_labels
from churn.staging.stage import StagedTable, stage_tables

ENGINE = EngineSettings(memory_limit="1GB", threads=1)
ID, TIME, TEXT, NUMBER = "string", "timestamp(6)", "string", "float64"
TYPES = {"id": ID, "time": TIME, "text": TEXT, "number": NUMBER}


def parse_rows(text: str) -> list[dict[str, str | None]]:
    """Return the rows of a table drawn with `|`; an empty cell is None."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    header = [cell.strip() for cell in lines[0].split("|")]
    rows = [[cell.strip() or None for cell in line.split("|")] for line in lines[1:]]
    return [dict(zip(header, row, strict=True)) for row in rows]


def ids_of(refusal: DataRefused) -> tuple[str, ...]:
    """Return the ids among the examples of a refusal, without the values that stood there."""
    return tuple(example.partition(": '")[0] for example in refusal.examples)


def staged_table(name: str, rows: str | Sequence[Mapping[str, Any]], lag_hours: int = 0) -> ir.Table:
    """Return a staged table of the contract; `known_at` becomes the delay, attributes are named `name:type`."""
    given = parse_rows(rows) if isinstance(rows, str) else [dict(row) for row in rows]
    columns = list(given[0]) if given else [c.name for c in CONTRACT[name].columns if c.required]
    types = {column: _type_of(name, column) for column in columns if column != "known_at"}
    out = []
    for row in given:
        values = {_bare(c): _value(row[c], types[c]) for c in types}
        if CONTRACT[name].is_fact:
            known = _value(row.get("known_at"), TIME)
            late = known - values[CONTRACT[name].time] if known else timedelta()
            values[DELAY] = int(max(late, timedelta()) / timedelta(microseconds=1)) + lag_hours * 3_600_000_000
        out.append(values)
    schema = {_bare(c): kind for c, kind in types.items()}
    if CONTRACT[name].is_fact:
        schema[DELAY] = "int64"
    return ibis.memtable(out, schema=schema)


def _bare(column: str) -> str:
    return column.partition(":")[0]


def _type_of(table: str, column: str) -> str:
    _, _, kind = column.partition(":")
    return TYPES[kind or CONTRACT[table].column(column).kind]


def _value(value: Any, kind: str) -> Any:
    if not isinstance(value, str):
        return value
    if kind == TIME:
        return datetime.fromisoformat(value)
    return float(value) if kind == NUMBER else value


def text_table(rows: str) -> ir.Table:
    """Return a raw table whose columns are all text, as CSV yields them."""
    given = parse_rows(rows)
    return ibis.memtable(given, schema=dict.fromkeys(given[0], "string"))


def plain(table: ir.Table, *order: str) -> list[dict[str, Any]]:
    """Return the rows of an expression as plain mappings, sorted by the columns named."""
    rows = table.to_pyarrow().to_pylist()
    return sorted(rows, key=lambda row: tuple(str(row[c]) for c in order)) if order else rows


def by_key(table: ir.Table) -> dict[tuple[str, str], dict[str, Any]]:
    """Return rows by customer and as-of date (as text)."""
    rows = {(row["customer_id"], str(row["as_of_date"])): row for row in table.to_pyarrow().to_pylist()}
    assert len(rows) == table.count().to_pyarrow().as_py(), "the grain is broken"
    return rows


def select_all(*tables: str) -> dict[str, str]:
    """Return the plainest mapping: every table as its input yields it."""
    return {table: f"SELECT * FROM {table}_raw" for table in tables}


def make_source(**changes: Any) -> SourceSettings:
    """Return the settings of a company with CSV inputs of every table that tests use."""
    names = ("customers", "subscriptions", "events", "tickets", "payments")
    values: dict[str, Any] = {
        "name": "acme",
        "inputs": {f"{name}_raw": InputSettings(path=f"{name}.csv") for name in names},
        "tables": select_all(*names),
        "time_zone": "UTC",
    }
    return SourceSettings(**(values | changes))


def make_windows(**changes: Any) -> WindowSettings:
    """Return monthly windows: a week of lead, 30 days of outcome, 90 days of observation."""
    values = {
        "lead_days": 7,
        "horizon_days": 30,
        "embargo_days": 37,
        "cadence_days": 30,
        "observation_days": 90,
    }
    return WindowSettings(**(values | changes))


CONTRACTUAL = LabelSettings(kind="contractual")
SUBSCRIBERS = CohortSettings(active="subscription")


def days(*texts: str) -> tuple[date, ...]:
    """Return dates of ISO texts."""
    return tuple(date.fromisoformat(text) for text in texts)


def make_grid(*as_of: str, windows: WindowSettings | None = None, label: LabelSettings = CONTRACTUAL) -> ir.Table:
    """Return the grid table of as-of dates."""
    return grid_table(days(*as_of), windows or make_windows(), label)


def cohort_of(
    staged: Mapping[str, ir.Table], *as_of: str, cohort: CohortSettings = SUBSCRIBERS
) -> dict[tuple[str, str], str | None]:
    """Return each candidate's reason for being left out (None for the cohort)."""
    rows = by_key(build_candidates(staged, make_grid(*as_of), cohort))
    return {key: row["excluded_because"] for key, row in rows.items()}


def label_of(
    staged: Mapping[str, ir.Table],
    *as_of: str,
    data_end: str,
    label: LabelSettings = CONTRACTUAL,
    windows: WindowSettings | None = None,
    cohort: CohortSettings = SUBSCRIBERS,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the labels of the cohort by customer and as-of date."""
    grid = make_grid(*as_of, windows=windows, label=label)
    snapshots = build_snapshots(build_candidates(staged, grid, cohort))
    return by_key(build_labels(staged, snapshots, grid, label, date.fromisoformat(data_end)))


def make_inputs(
    staged: Mapping[str, ir.Table],
    families: Sequence[str],
    *as_of: str,
    customers: Iterable[str] = ("A",),
    windows_days: Sequence[int] = (7, 30),
    event_types: Sequence[str] = (),
    value_types: Sequence[str] | None = (),
    ticket_categories: Sequence[str] | None = (),
    observation_days: int = 90,
    source: SourceSettings | None = None,
    beginnings: Mapping[str, str] | None = None,
) -> FeatureInputs:
    """Return feature inputs with every customer in the cohort on every date; `beginnings` hold on all of them."""
    dates = days(*as_of)
    rows = [{"customer_id": customer, "as_of_date": day} for customer in customers for day in dates]
    return FeatureInputs(
        staged,
        ibis.memtable(rows, schema={"customer_id": "string", "as_of_date": "date"}),
        make_grid(*as_of, windows=make_windows(observation_days=observation_days)),
        dates,
        observation_days,
        FeatureSettings(
            families=list(families),
            windows_days=list(windows_days),
            event_types=list(event_types),
            value_types=None if value_types is None else list(value_types),
            ticket_categories=None if ticket_categories is None else list(ticket_categories),
        ),
        source or make_source(),
        beginnings={table: dict.fromkeys(dates, *days(first)) for table, first in (beginnings or {}).items()},
    )


def features_of(
    staged: Mapping[str, ir.Table], families: Sequence[str], *as_of: str, **options: Any
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the features by customer and as-of date."""
    return by_key(build_features(make_inputs(staged, families, *as_of, **options)).table)


def make_settings(root: Path, source: SourceSettings | None = None, **changes: Any) -> ChurnSettings:
    """Return the settings of every stage, with all folders below `root`."""
    model = {"name": "logistic", "encoding": "linear", "estimator": {"_target_": "sklearn.dummy.DummyClassifier"}}
    values: dict[str, Any] = {
        "source": (source or make_source()).model_dump(mode="json"),
        "cohort": {"active": "subscription"},
        "label": {"kind": "contractual"},
        "windows": make_windows().model_dump(mode="json"),
        "features": {"families": ["engagement", "subscription", "profile"], "windows_days": [7, 30]},
        "split": {"kind": "temporal", "test_dates": 1, "calibration_dates": 1},
        "sample": {},
        "model": model,
        "baseline": model,
        "calibration": {"method": "none"},
        "evaluation": {},
        "gate": {},
        "policy": {"capacity": 2},
        "explanation": {},
        "scoring": {},
        "audit": {"model": model},
        "paths": {name: str(root / name) for name in ("data", "runs", "models", "real")} | {"root": str(root)},
        "tracking": {"uri": f"sqlite:///{root}/mlflow.db", "artifacts": str(root / "artifacts"), "experiment": "t"},
        "engine": ENGINE.model_dump(mode="json"),
    }
    return build_settings(ChurnSettings, values | changes)


COMPANY = {
    "customers": """
customer_id,signed_up_at,country
C1,2024-01-01,DE
C2,2024-01-02,JP
C3,2024-01-03,FR
""",
    "subscriptions": """
subscription_id,customer_id,plan,mrr,started_at,ended_at
S1,C1,pro,50,2024-01-01,
S2,C2,basic,20,2024-01-02,2024-05-01
S3,C3,basic,20,2024-01-03,
""",
    "events": """
event_id,customer_id,occurred_at,event_type
E1,C1,2024-01-05T10:00:00,login
E2,C2,2024-02-05T10:00:00,login
E3,C3,2024-05-31T10:00:00,share
""",
    "tickets": """
ticket_id,customer_id,opened_at,resolved_at,csat
T1,C1,2024-02-01T09:00:00,2024-02-03T09:00:00,4
T2,C2,2024-03-01T09:00:00,,
""",
    "payments": """
payment_id,customer_id,attempted_at,amount,status
P1,C1,2024-02-01,50,succeeded
P2,C2,2024-02-01,20,failed
""",
}


def stage_source(settings: ChurnSettings) -> tuple[Layer, dict[str, StagedTable]]:
    """Stage a source as the validate stage does and write the layer."""
    with open_engine(ENGINE, source_folder(settings, "scratch")) as engine:
        raw = open_source(engine, settings.source)
        staged = stage_tables(raw, settings.source, partial(explain_engine_error, inputs=settings.source.inputs))
        return write_staged(engine, staged, settings, {"run_id": "test"}), staged


@dataclass
class Company:
    """A company as files on disk, with a staged layer of its good days.

    What is staged again are customers, events and the tables that a test has written: the rest has not changed.
    """

    root: Path
    written: set[str] = field(default_factory=set)

    @property
    def settings(self) -> ChurnSettings:
        """Settings of the company as it was staged on its good days."""
        return make_settings(self.root, self.source(tables=select_all(*COMPANY)))

    def source(self, **changes: Any) -> SourceSettings:
        """Return the source settings, inputs pointing at the files."""
        inputs: dict[str, InputSettings] = changes.pop("inputs", {})
        changed = [*sorted(self.written), *(name.removesuffix("_raw") for name in inputs)]
        values = {
            "inputs": {f"{name}_raw": InputSettings(path=str(self.file(name))) for name in COMPANY} | inputs,
            "tables": select_all("customers", "events", *changed),
            "attributes": {"country": "category"},
        }
        return make_source(**(values | changes))

    def file(self, name: str, ending: str = "csv") -> Path:
        """Return the path of a table's file."""
        return self.root / "raw" / f"{name}.{ending}"

    def write(self, name: str, content: str | bytes, ending: str = "csv") -> Path:
        """Write a table's file: text is trimmed and ends with a newline, bytes are written as they are."""
        self.written.add(name)
        path = self.file(name, ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else (content.strip("\n") + "\n").encode())
        return path

    def write_good(self) -> Company:
        """Write every table as it should be."""
        for name, text in COMPANY.items():
            self.write(name, text)
        return self

    def append(self, name: str, *lines: str) -> None:
        """Add lines to a table that is as it should be."""
        self.write(name, COMPANY[name].strip("\n") + "\n" + "\n".join(lines))

    def stage(self, **changes: Any) -> tuple[Layer, dict[str, StagedTable]]:
        """Stage the files as the validate stage does and write the layer."""
        return stage_source(make_settings(self.root, self.source(**changes)))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a staged table of the newest layer (whatever settings it was staged with)."""
        import pyarrow.parquet as pq

        newest = max(
            (self.root / "data" / "acme" / "staged").glob("*/manifest.json"), key=lambda p: p.stat().st_mtime_ns
        )
        return list(pq.read_table(newest.parent / f"{name}.parquet").to_pylist())

    def on_disk(self) -> dict[str, bytes]:
        """Return every file below the data folder with its bytes: what a refusal may not touch."""
        data = self.root / "data"
        return {str(p.relative_to(data)): p.read_bytes() for p in sorted(data.rglob("*")) if p.is_file()}

    def refuse(self, **changes: Any) -> DataRefused:
        """Stage the broken files; return the refusal; nothing was written, the old layer stands."""
        before = self.on_disk()
        try:
            self.stage(**changes)
        except DataRefused as error:
            refusal = error
        else:
            raise AssertionError("the broken files were staged")
        assert self.on_disk() == before, "a refusal wrote or removed something"
        assert read_staged(self.settings).path("customers").is_file(), "the former staged layer is gone"
        assert refusal.exit_code == 1
        assert "\0" not in str(refusal)
        return refusal


def copy_company(template: Path, root: Path) -> Company:
    """Return a copy of a staged company with its paths."""
    shutil.copytree(template, root, dirs_exist_ok=True)
    return Company(root)


def csv_text(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as CSV text."""
    listed = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue()
