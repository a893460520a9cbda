from __future__ import annotations

import json
import os
from pathlib import Path

import ibis
import pytest

from churn.core.errors import OutputFailed
from churn.integrations import store
from churn.integrations.engine import Engine


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


class TestNewFolder:
    def test_it_appears_whole(self, tmp_path: Path):
        target = tmp_path / "layer" / "v1"
        with store.new_folder(target) as folder:
            (folder / "a").write_text("new")
            assert not target.exists()
        assert (target / "a").read_text() == "new"
        assert names(tmp_path / "layer") == ["v1"]

    def test_it_takes_the_place_of_a_former_one_with_all_its_files(self, tmp_path: Path):
        (tmp_path / "v1").mkdir()
        (tmp_path / "v1" / "old").write_text("old")
        with store.new_folder(tmp_path / "v1") as folder:
            (folder / "new").write_text("new")
            assert (tmp_path / "v1" / "old").read_text() == "old"
        assert names(tmp_path / "v1") == ["new"]
        assert names(tmp_path) == ["v1"]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
    def test_on_any_error_nothing_is_left_and_the_former_one_stands(self, tmp_path: Path, error: type[BaseException]):
        (tmp_path / "v1").mkdir()
        (tmp_path / "v1" / "old").write_text("old")
        with pytest.raises(error), store.new_folder(tmp_path / "v1") as folder:
            (folder / "half").write_text("x")
            raise error
        assert names(tmp_path) == ["v1"] and names(tmp_path / "v1") == ["old"]

    def test_others_may_read_it(self, tmp_path: Path):
        with store.new_folder(tmp_path / "v1"):
            pass
        assert (tmp_path / "v1").stat().st_mode & 0o777 == 0o755

    def test_a_place_that_cannot_be_made_is_a_failed_output(self, tmp_path: Path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(OutputFailed) as failed, store.new_folder(tmp_path / "file" / "v1"):
            pass
        assert failed.value.exit_code == 4
        assert "what was there before is untouched" in str(failed.value)
        assert len(str(failed.value).splitlines()) == 1


class TestOutputErrors:
    def test_a_full_disk_is_a_failed_output(self, tmp_path: Path):
        with pytest.raises(OutputFailed, match="No space left"), store.output_errors(tmp_path):
            Path("/dev/full").write_text("x")

    def test_a_full_disk_under_the_engine_is_a_failed_output(self, engine: Engine):
        with pytest.raises(OutputFailed) as failed, store.output_errors(Path("/dev/full")):
            engine.run("COPY (SELECT * FROM range(1000000)) TO '/dev/full' (FORMAT csv)")
        assert "cannot write to /dev/full" in str(failed.value)

    def test_other_errors_pass_unchanged(self, tmp_path: Path):
        with pytest.raises(KeyError), store.output_errors(tmp_path):
            raise KeyError("x")


class TestJson:
    def test_what_is_written_is_read(self, tmp_path: Path):
        content = {"b": [1, 2.5, None], "a": "日本", "path": str(tmp_path)}
        store.write_json(tmp_path / "deep" / "x.json", content)
        assert store.read_json(tmp_path / "deep" / "x.json") == content
        assert names(tmp_path / "deep") == ["x.json"]

    def test_keys_are_sorted_and_text_stays_readable(self, tmp_path: Path):
        store.write_json(tmp_path / "x.json", {"b": 1, "a": "日本"})
        assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n  "a": "日本",\n  "b": 1\n}'

    def test_a_failure_leaves_the_old_file_and_no_temporary_one(self, tmp_path: Path):
        store.write_json(tmp_path / "x.json", {"a": 1})
        circle: dict[str, object] = {}
        circle["self"] = circle
        with pytest.raises(ValueError, match="Circular"):
            store.write_json(tmp_path / "x.json", circle)
        assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
        assert names(tmp_path) == ["x.json"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_a_folder_that_may_not_be_written_is_a_failed_output(self, tmp_path: Path):
        tmp_path.chmod(0o500)
        with pytest.raises(OutputFailed):
            store.write_json(tmp_path / "x.json", {})


class TestManifest:
    def test_a_folder_without_one_was_never_finished(self, tmp_path: Path):
        assert store.read_manifest(tmp_path) is None
        assert store.read_manifest(tmp_path / "absent") is None
        store.write_json(tmp_path / store.MANIFEST, {"fingerprint": "x"})
        assert store.read_manifest(tmp_path) == {"fingerprint": "x"}


class TestFingerprints:
    def table(self, engine: Engine, folder: Path, rows: list[dict[str, object]]) -> str:
        path = folder / "t.parquet"
        store.write_table(engine, ibis.memtable(rows, schema={"a": "string", "b": "float64"}), path)
        return store.table_fingerprint(engine, path)

    def test_a_table_is_known_by_its_rows_and_not_by_their_order(self, engine, tmp_path: Path):
        rows: list[dict[str, object]] = [{"a": "x", "b": 1.0}, {"a": "y", "b": None}, {"a": "x", "b": 1.0}]
        assert self.table(engine, tmp_path, rows) == self.table(engine, tmp_path, rows[::-1])

    def test_any_changed_row_changes_it(self, engine, tmp_path: Path):
        prints = {
            self.table(engine, tmp_path, rows)
            for rows in (
                [{"a": "x", "b": 1.0}],
                [{"a": "x", "b": 1.0}, {"a": "x", "b": 1.0}],
                [{"a": "x", "b": 1.0}, {"a": "x", "b": 1.0}, {"a": "x", "b": 1.0}],
                [{"a": "x", "b": 2.0}],
                [{"a": None, "b": 1.0}],
                [{"a": "NULL", "b": 1.0}],
                [{"a": "", "b": 1.0}],
                [],
            )
        }
        assert len(prints) == 8

    def test_rows_are_counted_as_they_are_written(self, engine, tmp_path: Path):
        table = ibis.memtable([{"a": 1}, {"a": 2}], schema={"a": "int64"})
        assert store.write_table(engine, table, tmp_path / "it's.parquet") == 2

    def test_content_is_known_whatever_the_order_of_its_keys(self):
        assert store.fingerprint({"a": 1, "b": 2}) == store.fingerprint({"b": 2, "a": 1})
        assert store.fingerprint({"a": 1}) != store.fingerprint({"a": 2})

    def test_code_is_known_by_its_text(self):
        assert store.code_fingerprint("churn.core") == store.code_fingerprint("churn.core")
        assert store.code_fingerprint("churn.core") != store.code_fingerprint("churn.features")

    def test_a_file_is_known_by_its_bytes(self, tmp_path: Path):
        (tmp_path / "x").write_bytes(b"abc")
        assert store.sha256_of(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
