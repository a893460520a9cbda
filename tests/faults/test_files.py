"""Files that are really broken: each is refused with its place, nothing is written, the former layer stands."""

from __future__ import annotations

import gzip
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from churn.core.errors import OutputFailed
from churn.core.source import InputSettings
from churn.integrations.engines import open_engine
from churn.integrations.sources import open_source
from tests.builders import COMPANY, ENGINE, Company
from tests.pipelines.demo import IGNORED, Demo

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
CUSTOMERS = COMPANY["customers"].strip() + "\n"


def parquet_input(company: Company, table: str) -> dict[str, InputSettings]:
    return {f"{table}_raw": InputSettings(path=str(company.file(table, "parquet")))}


def write_parquet(company: Company, table: str, rows: int = 3, compression: str = "zstd") -> Path:
    path = company.file(table, "parquet")
    columns = {
        "event_id": [f"E{i}" for i in range(rows)],
        "customer_id": [f"C{i % 3 + 1}" for i in range(rows)],
        "occurred_at": [f"2024-02-{i % 28 + 1:02d}T10:00:00" for i in range(rows)],
        "event_type": ["login"] * rows,
    }
    pq.write_table(pa.table(columns), path, compression=compression)
    return path


class TestEmptyAndAbsent:
    @pytest.mark.parametrize("table", ["customers", "events"])
    def test_a_csv_of_no_bytes(self, company: Company, table: str):
        path = company.write(table, b"")
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("empty_file", f"{table}_raw")
        assert f"{path} is empty (0 bytes)" in str(refusal) and "Did the export finish?" in str(refusal)

    def test_a_parquet_of_no_bytes(self, company: Company):
        company.write("events", b"", "parquet")
        refusal = company.refuse(inputs=parquet_input(company, "events"))
        assert (refusal.code, refusal.table) == ("empty_file", "events_raw")

    def test_one_empty_file_among_those_of_a_glob(self, company: Company):
        (company.root / "raw" / "events-2.csv").touch()
        refusal = company.refuse(inputs={"events_raw": InputSettings(path=str(company.root / "raw" / "events*.csv"))})
        assert (refusal.code, refusal.table) == ("empty_file", "events_raw")
        assert "events-2.csv" in str(refusal)

    def test_a_missing_file_suggests_its_neighbour(self, company: Company):
        wrong = company.root / "raw" / "evnts.csv"
        refusal = company.refuse(inputs={"events_raw": InputSettings(path=str(wrong))})
        assert (refusal.code, refusal.table) == ("missing_file", "events_raw")
        assert "did you mean 'events.csv'?" in str(refusal)

    def test_a_missing_folder_is_said(self, company: Company):
        wrong = company.root / "exports" / "events.csv"
        refusal = company.refuse(inputs={"events_raw": InputSettings(path=str(wrong))})
        assert refusal.code == "missing_file"
        assert f"the folder {wrong.parent} does not exist" in str(refusal)

    @pytest.mark.parametrize("table", ["customers", "subscriptions", "events", "tickets", "payments"])
    def test_a_header_and_nothing_else(self, company: Company, table: str):
        company.write(table, COMPANY[table].strip().splitlines()[0])
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("too_few_rows", table)
        assert "0 rows" in str(refusal) and "Did the export finish?" in str(refusal)

    def test_fewer_customers_than_the_source_says_there_are(self, company: Company):
        refusal = company.refuse(min_rows=4)
        assert (refusal.code, refusal.table) == ("too_few_rows", "customers")
        assert "3 rows, fewer than min_rows (4)" in str(refusal)
        company.stage(min_rows=3)


class TestPaths:
    def test_a_folder_is_told_to_name_its_files(self, company: Company):
        refusal = company.refuse(inputs={"customers_raw": InputSettings(path=str(company.root / "raw"))})
        assert "is a folder" in str(refusal) and "raw/*.parquet" in str(refusal)

    def test_brackets_in_the_name_of_a_file_are_no_pattern(self, company: Company):
        path = company.file("customers").rename(company.root / "it's export [1].CSV")
        company.stage(inputs={"customers_raw": InputSettings(path=str(path))})
        assert len(company.rows("customers")) == 3

    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_what_a_file_says_is_not_replaced_by_the_name_of_its_folder(self, company: Company, ending: str):
        folder = company.root / "raw" / "country=XX"
        folder.mkdir()
        frame = pd.read_csv(company.file("customers"))
        path = folder / f"customers.{ending}"
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
        company.stage(inputs={"customers_raw": InputSettings(path=str(path))})
        assert [row["country"] for row in company.rows("customers")] == ["DE", "JP", "FR"]

    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_what_folders_say_is_a_column_where_files_have_none(self, company: Company, ending: str):
        frame = pd.read_csv(company.file("customers"))
        for country, rows in frame.groupby("country"):
            folder = company.root / "raw" / f"country={country}"
            folder.mkdir()
            rows, path = rows.drop(columns="country"), folder / f"customers.{ending}"
            rows.to_csv(path, index=False) if ending == "csv" else rows.to_parquet(path)
        company.stage(inputs={"customers_raw": InputSettings(path=f"{company.root}/raw/*/customers.{ending}")})
        assert [row["country"] for row in company.rows("customers")] == ["DE", "JP", "FR"]

    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    @pytest.mark.parametrize("stated", ["customers[1].{}", "customers?1?.{}"])
    def test_a_file_is_not_read_for_another_that_its_name_fits_as_a_pattern(
        self, company: Company, stated: str, ending: str
    ):
        right, other = (company.root / "raw" / f"customers{name}.{ending}" for name in ("[1]", "1"))
        frame = pd.read_csv(company.file("customers"))
        for path, rows in ((right, frame), (other, frame.head(1))):
            rows.to_csv(path, index=False) if ending == "csv" else rows.to_parquet(path)
        company.stage(inputs={"customers_raw": InputSettings(path=str(right.parent / stated.format(ending)))})
        assert len(company.rows("customers")) == 3

    def test_brackets_and_quotes_in_the_name_of_a_folder_are_no_pattern(self, company: Company):
        other = company.root / "o'neil1"
        shutil.copytree(company.root / "raw", other)
        (other / "customers.csv").write_text("customer_id,signed_up_at,country\nX,2024-01-01,DE\n")
        right = (company.root / "raw").rename(company.root / "o'neil[1]")
        company.stage(inputs={f"{name}_raw": InputSettings(path=str(right / f"{name}*.csv")) for name in COMPANY})
        assert [row["customer_id"] for row in company.rows("customers")] == ["C1", "C2", "C3"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    @pytest.mark.parametrize("locked", ["customers.csv", "."])
    def test_what_this_user_may_not_read_is_named(self, company: Company, locked: str):
        place = company.root / "raw" / locked
        mode = place.stat().st_mode
        place.chmod(0)
        try:
            refusal = company.refuse(inputs={})
        finally:
            place.chmod(mode)
        assert refusal.code == "unreadable_file" and "this user may not read" in str(refusal)

    def test_a_link_to_nothing_is_said_to_be_one(self, company: Company):
        path = company.file("customers")
        path.unlink()
        path.symlink_to("gone.csv")
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("missing_file", "customers_raw")
        assert "is a link to gone.csv, where no file is" in str(refusal) and "did you mean" not in str(refusal)

    def test_a_file_that_a_glob_finds_under_several_names_is_read_once(self, company: Company):
        folder = company.root / "raw"
        (folder / "customers-latest.csv").symlink_to("customers.csv")
        (folder / "back").symlink_to(folder)
        company.stage(inputs={"customers_raw": InputSettings(path=str(folder / "**" / "customers*.csv"))})
        assert len(company.rows("customers")) == 3

    def test_the_home_folder_is_found(self, company: Company, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("HOME", str(company.root))
        company.stage(inputs={"customers_raw": InputSettings(path="~/raw/customers.csv")})
        assert len(company.rows("customers")) == 3


class TestLineEndings:
    @pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
    def test_one_kind_is_read(self, company: Company, ending: str):
        company.write("customers", CUSTOMERS.replace("\n", ending).encode())
        company.stage()
        assert [row["country"] for row in company.rows("customers")] == ["DE", "JP", "FR"]

    def test_several_kinds_are_counted_and_their_file_named(self, company: Company):
        path = company.write("customers", CUSTOMERS.replace("\nC2", "\r\nC2").encode())
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("mixed_line_endings", "customers_raw")
        assert f"{path} ends its lines in several ways (CRLF 1, LF 3)" in str(refusal)


class TestBrokenBytes:
    @pytest.mark.parametrize(("start", "kind"), [(b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "Excel"), (b"PAR1", "Parquet")])
    def test_what_is_no_text_is_not_taken_for_an_encoding(self, company: Company, start: bytes, kind: str):
        company.write("customers", start + b"\x00\xff" * 20)
        refusal = company.refuse()
        assert refusal.code == "unknown_format"
        assert kind in str(refusal) and "encoding" not in str(refusal)

    def test_a_truncated_parquet(self, company: Company):
        path = write_parquet(company, "events")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        refusal = company.refuse(inputs=parquet_input(company, "events"))
        assert (refusal.code, refusal.table) == ("broken_file", "events_raw")
        assert f"{path} ({len(whole) // 2:,} bytes)" in str(refusal) and "Did the export finish?" in str(refusal)

    def test_a_parquet_that_is_text(self, company: Company):
        path = company.write("events", COMPANY["events"], "parquet")
        refusal = company.refuse(inputs=parquet_input(company, "events"))
        assert (refusal.code, refusal.table) == ("broken_file", "events_raw")
        assert str(path) in str(refusal)

    @pytest.mark.parametrize(
        ("ending", "content", "kind"),
        [
            ("jsonl", b'{"customer_id": "1"}\n', "JSON lines"),
            ("jsonl.gz", gzip.compress(b'{"customer_id": "1"}\n', mtime=0), "JSON lines"),
            ("xlsx", b"PK\x03\x04\x14\x00\x06\x00", "Excel"),
            ("data", b"SQLite format 3\x00", "SQLite"),
            ("dump", b"customer_id,signed_up_at\n", "export it as one of them"),
        ],
    )
    def test_a_file_of_another_kind_is_told_what_it_looks_like(
        self, company: Company, ending: str, content: bytes, kind: str
    ):
        path = company.write("customers", content, ending)
        refusal = company.refuse(inputs={"customers_raw": InputSettings(path=str(path))})
        assert (refusal.code, refusal.table) == ("unknown_format", "customers_raw")
        assert str(path) in str(refusal) and kind in str(refusal)
        assert "CSV and Parquet are read" in str(refusal)

    def test_every_broken_input_is_named_at_once(self, company: Company):
        company.write("customers", b"")
        company.write("events", b"")
        refusal = company.refuse()
        assert [part.table for part in refusal.parts] == ["customers_raw", "events_raw"]

    @pytest.mark.parametrize("compression", ["zstd", "snappy"])
    def test_a_parquet_with_damaged_pages(self, company: Company, compression: str):
        path = write_parquet(company, "events", rows=2000, compression=compression)
        damaged = bytearray(path.read_bytes())
        damaged[40:400] = bytes(byte ^ 0xFF for byte in damaged[40:400])
        path.write_bytes(bytes(damaged))
        refusal = company.refuse(inputs=parquet_input(company, "events"))
        assert (refusal.code, refusal.table) == ("broken_file", "events_raw")
        assert f"{path} ({len(damaged):,} bytes)" in str(refusal)

    def test_a_parquet_with_a_damaged_footer(self, company: Company):
        path = write_parquet(company, "events")
        damaged = bytearray(path.read_bytes())
        damaged[-200:-8] = bytes(byte ^ 0xFF for byte in damaged[-200:-8])
        path.write_bytes(bytes(damaged))
        refusal = company.refuse(inputs=parquet_input(company, "events"))
        assert (refusal.code, refusal.table) == ("broken_file", "events_raw")

    def gzipped(self, company: Company, content: bytes) -> dict[str, InputSettings]:
        path = company.write("customers", content, "csv.gz")
        return {"customers_raw": InputSettings(path=str(path))}

    def test_a_whole_gzip_is_read(self, company: Company):
        company.stage(inputs=self.gzipped(company, gzip.compress(CUSTOMERS.encode())))
        assert [row["customer_id"] for row in company.rows("customers")] == ["C1", "C2", "C3"]

    @pytest.mark.parametrize("kept", [0.3, 0.9])
    def test_a_truncated_gzip(self, company: Company, kept: float):
        content = gzip.compress(CUSTOMERS.encode() * 50)
        cut = content[: int(len(content) * kept)]
        refusal = company.refuse(inputs=self.gzipped(company, cut))
        assert (refusal.code, refusal.table) == ("broken_file", "customers_raw")
        assert f"customers.csv.gz ({len(cut):,} bytes)" in str(refusal)

    @pytest.mark.parametrize("at", [0, 15, -6])
    def test_a_gzip_with_a_flipped_bit(self, company: Company, at: int):
        content = bytearray(gzip.compress(CUSTOMERS.encode()))
        content[at] ^= 0b0001_0000
        refusal = company.refuse(inputs=self.gzipped(company, bytes(content)))
        assert (refusal.code, refusal.table) == ("broken_file", "customers_raw")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
    def test_no_room_for_the_unpacked_copy_is_not_the_files_fault(self, company: Company):
        inputs = self.gzipped(company, gzip.compress(CUSTOMERS.encode()))
        source, before = company.source(inputs=inputs), company.on_disk()
        with open_engine(ENGINE) as engine, pytest.raises(OutputFailed) as failed:
            (engine.scratch / "customers_raw-0").mkdir()
            (engine.scratch / "customers_raw-0" / "customers.csv").symlink_to("/dev/full")
            open_source(engine, source)
        assert failed.value.exit_code == 4
        assert company.on_disk() == before

    def test_a_ragged_row_in_a_gzip_names_the_file_that_was_given(self, company: Company):
        content = gzip.compress((CUSTOMERS + "C4,2024-01-04\n").encode())
        refusal = company.refuse(inputs=self.gzipped(company, content))
        assert (refusal.code, refusal.table) == ("broken_row", "customers_raw")
        assert f"{company.file('customers')}.gz, line 5" in str(refusal)


class TestEncodings:
    NAMES = "customer_id,signed_up_at,country\nC1,2024-01-01,日本\nC2,2024-01-01,ﾄﾞｲﾂ\nC3,2024-01-01,表示\n"
    EURO = "customer_id,signed_up_at,country,fee€,town\nC1,2024-01-01,DE,3,Köln\nC2,2024-01-01,DE,4,Jägerhof\n"
    LATIN = "customer_id,signed_up_at,country\nC1,2024-01-01,Österreich\nC2,2024-01-01,España\nC3,2024-01-01,Türkiye\n"

    @pytest.mark.parametrize(
        ("encoding", "text", "option", "offset"),
        [
            ("cp932", NAMES, "cp932", 47),
            ("utf-16", NAMES, "utf-16", 0),
            ("latin-1", LATIN, "cp1252", 47),
            ("cp1252", EURO, "cp1252", 36),
        ],
    )
    def test_another_encoding_is_refused_with_its_offset_and_the_option(
        self, company: Company, encoding: str, text: str, option: str, offset: int
    ):
        path = company.write("customers", text.encode(encoding))
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("wrong_encoding", "customers_raw")
        assert f"{path} is not utf-8 at byte {offset}" in str(refusal)
        assert option in refusal.message and "set encoding:" in str(refusal)

    @pytest.mark.parametrize(("encoding", "text"), [("cp932", NAMES), ("utf-16", NAMES), ("latin-1", LATIN)])
    def test_the_option_reads_it(self, company: Company, encoding: str, text: str):
        path = company.write("customers", text.encode(encoding))
        company.stage(inputs={"customers_raw": InputSettings(path=str(path), encoding=encoding)})
        assert [row["country"] for row in company.rows("customers")] == [
            line.split(",")[2] for line in text.splitlines()[1:]
        ]

    def test_a_byte_order_mark_written_twice_does_not_hide_the_first_column(self, company: Company):
        company.write("events", f"\ufeff{COMPANY['events'].strip()}\n".encode("utf-8-sig"))
        company.stage()
        assert [row["event_id"] for row in company.rows("events")] == ["E1", "E2", "E3"]

    def test_a_byte_order_mark_is_fine(self, company: Company):
        company.write("customers", CUSTOMERS.encode("utf-8-sig"))
        company.stage()
        assert [row["customer_id"] for row in company.rows("customers")] == ["C1", "C2", "C3"]

    def test_a_stated_encoding_that_is_wrong(self, company: Company):
        path = company.write("customers", self.LATIN.encode("latin-1"))
        refusal = company.refuse(inputs={"customers_raw": InputSettings(path=str(path), encoding="cp932")})
        assert (refusal.code, refusal.table) == ("wrong_encoding", "customers_raw")
        assert "is not cp932" in str(refusal)

    def test_utf16_without_its_mark(self, company: Company):
        path = company.write("customers", CUSTOMERS.encode("utf-16-le"))
        refusal = company.refuse(inputs={"customers_raw": InputSettings(path=str(path), encoding="utf-16")})
        assert (refusal.code, refusal.table) == ("wrong_encoding", "customers_raw")
        company.stage(inputs={"customers_raw": InputSettings(path=str(path), encoding="utf-16-le")})

    def test_a_character_cut_in_two_at_the_end(self, company: Company):
        company.write("customers", CUSTOMERS.encode() + "C4,2024-01-04,日".encode()[:-1])
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("wrong_encoding", "customers_raw")


class TestNulBytes:
    def test_a_nul_byte_is_refused_with_the_option_that_drops_it(self, company: Company):
        company.write("customers", CUSTOMERS.replace("C2", "C\x002").encode())
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("nul_byte", "customers_raw")
        assert "near byte 51" in str(refusal) and "strip_nul: true" in str(refusal)

    def test_the_option_drops_it(self, company: Company):
        path = company.write("customers", CUSTOMERS.replace("C2", "C\x002").encode())
        company.stage(inputs={"customers_raw": InputSettings(path=str(path), strip_nul=True)})
        assert [row["customer_id"] for row in company.rows("customers")] == ["C1", "C2", "C3"]

    def test_a_nul_byte_in_a_parquet_never_reaches_an_output(self, company: Company):
        path = company.file("events", "parquet")
        columns = {
            "customer_id": ["C\x001"], "occurred_at": ["2024-02-01T10:00:00"], "event_type": ["log\x00in"],
        }  # fmt: skip
        pq.write_table(pa.table(columns), path)
        company.stage(inputs=parquet_input(company, "events"))
        assert [(row["customer_id"], row["event_type"]) for row in company.rows("events")] == [("C1", "login")]


class TestRows:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("C4,2024-01-04,DE,extra", "Expected Number of Columns: 3 Found: 4"),
            ("C4,2024-01-04", "Expected Number of Columns: 3 Found: 2"),
            ('C4,2024-01-04,"DE', "nterminated quote"),
            ('C4,2024-01-04,"DE\nC5,2024-01-05,FR\nC6,2024-01-06,FR', "nterminated quote"),
            ('C4,2024-01-04,"DE" tail', "line 5"),
        ],
    )
    def test_a_row_that_does_not_fit_is_refused_with_its_line(self, company: Company, line: str, reason: str):
        path = company.write("customers", CUSTOMERS + line)
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("broken_row", "customers_raw")
        assert f"{path}, line 5" in str(refusal) and reason in str(refusal)

    def test_a_quoted_line_break_and_a_doubled_quote_are_fine(self, company: Company):
        company.write("customers", CUSTOMERS + '"C4",2024-01-04,"two\nlines, ""quoted"""\n')
        company.stage()
        assert company.rows("customers")[3]["country"] == 'two\nlines, "quoted"'


class TestHeaders:
    @pytest.mark.parametrize("header", ["customer_id,signed_up_at,customer_id", "customer_id,signed_up_at,Customer_ID"])
    def test_a_header_that_repeats_a_name(self, company: Company, header: str):
        path = company.write("customers", CUSTOMERS.replace("customer_id,signed_up_at,country", header))
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("duplicate_header", "customers_raw")
        assert f"{path}, line 1" in str(refusal) and "customer_id" in str(refusal)

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    def test_another_delimiter_is_refused_with_the_option(self, company: Company, delimiter: str):
        path = company.write("customers", CUSTOMERS.replace(",", delimiter))
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("wrong_delimiter", "customers_raw")
        (option,) = re.findall(r"Set delimiter: (\S+) on", str(refusal))
        assert yaml.safe_load(option) == delimiter, "the option is written as the source file takes it"
        company.stage(inputs={"customers_raw": InputSettings(path=str(path), delimiter=delimiter)})
        assert [row["country"] for row in company.rows("customers")] == ["DE", "JP", "FR"]

    def test_columns_without_a_name_are_dropped_like_any_other(self, company: Company):
        rows = [f"{number},{line}" for number, line in enumerate(CUSTOMERS.splitlines())]
        company.write("customers", "\n".join([rows[0].removeprefix("0"), *rows[1:]]))
        company.stage()
        assert [row["customer_id"] for row in company.rows("customers")] == ["C1", "C2", "C3"]

    def test_an_unterminated_quote_in_the_header(self, company: Company):
        rows = "".join(f"C{i},2024-01-01,DE\n" for i in range(10_000))
        path = company.write("customers", f'"customer_id,signed_up_at,country\n{rows}')
        refusal = company.refuse()
        assert (refusal.code, refusal.table) == ("broken_file", "customers_raw")
        assert str(path) in str(refusal) and "line 1" in str(refusal)

    def test_files_of_one_input_may_order_their_columns_differently(self, company: Company):
        company.write("customers", CUSTOMERS)
        (company.root / "raw" / "customers-2.csv").write_text("country,customer_id,signed_up_at\nES,C4,2024-01-04\n")
        company.stage(inputs={"customers_raw": InputSettings(path=str(company.root / "raw" / "customers*.csv"))})
        assert [(r["customer_id"], r["country"]) for r in company.rows("customers")] == [
            ("C1", "DE"), ("C2", "JP"), ("C3", "FR"), ("C4", "ES"),
        ]  # fmt: skip


def test_an_export_that_stopped_halfway_is_seen_by_what_the_last_ones_had(own_demo: Demo):
    parts = sorted((own_demo.data / "demo" / "raw" / "events").glob("*.parquet"))
    rows = [pq.read_metadata(part).num_rows for part in parts]
    parts[-1].unlink()
    wary = "source.min_share_of_recent=0.9"
    before = set((own_demo.data / "demo" / "staged").iterdir())
    done = own_demo.run("validate", wary)
    assert done.code == 1
    assert f"events: {sum(rows[:-1]):,} rows, where the last deliveries had {sum(rows):,} (median of 1)" in done.err
    assert set((own_demo.data / "demo" / "staged").iterdir()) == before
