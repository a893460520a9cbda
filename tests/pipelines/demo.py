"""A small simulated company, staged and trained once per session in a real SQLite store, and copies of it to change."""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

with warnings.catch_warnings():  # what these warn about while they are imported is their own affair
    warnings.simplefilter("ignore")
    import mlflow.pyfunc  # noqa: F401
    import shap  # noqa: F401

from mlflow.tracking._tracking_service import utils as tracking_utils

import churn.integrations.mlflow_store  # noqa: F401 - it sets how MLflow behaves in this process
from churn import cli
from churn.core.settings import ChurnSettings
from pipelines.composition import compose

CHURN = [sys.executable, "-m", "churn.cli"]
SMALL = (
    "simulation=small", "simulation.customers=600", "simulation.block_customers=300", "simulation.chunk_customers=600",
    "simulation.truth.effects=false",
)  # fmt: skip
QUICK = (
    "engine.threads=2", "evaluation.bootstrap_samples=20", "evaluation.min_positives=20", "policy.capacity=20",
    "policy.control_share=0.2", "explanation.max_rows=200", "explanation.max_shown=5",
    "evaluation.slices.min_rows=30", "evaluation.slices.min_positives=5", "evaluation.slices.bootstrap_samples=20",
)  # fmt: skip
FEW_TREES = (
    "model.estimator.one.n_estimators=60", "model.estimator.causes.trees.n_estimators=20", "model.stopping_rounds=10",
)  # fmt: skip
# What installed packages warn about in their own code, and nobody here can change.
THIRD_PARTY = (
    "The ``noload`` loader strategy is deprecated",  # mlflow on sqlalchemy 2.1
    "fetch_arrow_table\\(\\) is deprecated",  # ibis on duckdb 2
    "The 'future.infer_string' option is deprecated",  # ibis on pandas 3.1
)
IGNORED = tuple(f"ignore:{message}" for message in THIRD_PARTY)


class Outcome(NamedTuple):
    """What a command gave: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def process_state() -> Iterator[None]:
    """Leave logging, signal handlers, arguments and environment as they were: a stage sets them for its process."""
    root = logging.getLogger()
    handlers, level, arguments, environment = list(root.handlers), root.level, list(sys.argv), dict(os.environ)
    former = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            for message in THIRD_PARTY:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for handler in [h for h in root.handlers if h not in handlers]:
            handler.close()
        root.handlers[:], sys.argv = handlers, arguments
        root.setLevel(level)
        signal.signal(signal.SIGTERM, former)
        os.environ.clear()
        os.environ.update(environment)


def captured(main: Callable[[], int]) -> Outcome:
    """Return what a command gives when it runs in this process."""
    out, err = io.StringIO(), io.StringIO()
    with process_state(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def run_churn(*words: str) -> Outcome:
    """Run one command in this process."""
    return captured(lambda: cli.main(words))


def start_churn(*words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start one command in a process of its own."""
    return subprocess.Popen(
        [*CHURN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "2", **(env or {})},
    )  # fmt: skip


def churn_process(*words: str, env: Mapping[str, str] | None = None, timeout: float = 120) -> Outcome:
    """Run one command in a process of its own."""
    process = start_churn(*words, env=env)
    out, err = process.communicate(timeout=timeout)
    return Outcome(process.returncode, out, err)


@dataclass(frozen=True)
class Demo:
    """A company's folders and how to run stages on them."""

    home: Path
    extra: tuple[str, ...] = QUICK

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def lists(self) -> Path:
        return self.data / "demo" / "lists"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def database(self) -> Path:
        return self.models / "mlflow.db"

    @property
    def folders(self) -> tuple[str, ...]:
        return tuple(f"paths.{name}={self.home / name}" for name in ("data", "models", "runs"))

    def words(self, *overrides: str) -> list[str]:
        own_model = any(word.startswith("model=") for word in overrides)
        return [*self.folders, *self.extra, *(() if own_model else FEW_TREES), *overrides]

    def run(self, command: str, *overrides: str) -> Outcome:
        """Run a stage in this process."""
        return run_churn(command, *self.words(*overrides))

    def ok(self, command: str, *overrides: str) -> Outcome:
        """Run a stage in this process and expect it to end well."""
        done = self.run(command, *overrides)
        assert done.code == 0, done.err + done.out
        return done

    def settings(self, stage: str = "validate", overrides: Sequence[str] = ()) -> ChurnSettings:
        return compose(stage, ChurnSettings, self.words(*overrides))

    def copy(self, home: Path) -> Demo:
        """Return a copy that can be changed; the store's addresses are those of the copy."""
        shutil.copytree(self.home, home, dirs_exist_ok=True)
        relocate_store(home / "models" / "mlflow.db", self.home, home)
        tracking_utils._artifact_repos_cache.clear()  # by run id: a copy's runs would write into the original
        return Demo(home, self.extra)

    def results(self, stage: str) -> list[Path]:
        return sorted(self.runs.glob(f"{stage}/**/run_results.json"))


def relocate_store(database: Path, former: Path, home: Path) -> None:
    """Rewrite every address of a copied SQLite store."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in [
                row[1]
                for row in connection.execute(f"PRAGMA table_info({table})")
                if "CHAR" in row[2] or row[2] == "TEXT"
            ]:
                connection.execute(
                    f'UPDATE {table} SET "{column}" = replace("{column}", ?, ?) WHERE instr("{column}", ?)',
                    (f"{former}/", f"{home}/", f"{former}/"),
                )


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a file lock: test workers share what one of them builds."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def built_demo(shared: Path) -> Demo:
    """Return the session's company, taken through every stage by the first to ask for it."""
    demo = Demo(shared / "demo")
    done = shared / "demo.done"
    with only_one(shared / "demo.lock"):
        if not done.exists():
            shutil.rmtree(demo.home, ignore_errors=True)
            demo.ok("simulate", *SMALL)
            for stage in ("validate", "features", "train"):
                demo.ok(stage)
            promoted = run_churn("promote", "1", "--force", "--why", "the only one", *demo.words())
            assert promoted.code == 0, promoted.err
            demo.ok("explain")
            demo.ok("score", "--as-of", "latest")
            done.touch()
    return demo


def shared_folder(base: Path) -> Path:
    """Return the session's temporary folder, the same one for all workers of pytest-xdist."""
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
