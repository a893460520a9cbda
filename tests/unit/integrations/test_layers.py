from __future__ import annotations

import os
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.core.errors import DataRefused, OutputFailed
from churn.core.settings import ChurnSettings
from churn.integrations import layers
from churn.integrations.engines import open_engine
from churn.integrations.layers import Layer, dataset_key, find_dataset, open_tables, read_staged, write_dataset
from churn.integrations.store import CURRENT, MANIFEST, output_errors, read_json, write_table
from tests.builders import COMPANY, ENGINE, Company, make_settings, text_table


def folders(company: Company, layer: str = "staged") -> list[str]:
    return sorted(p.name for p in (company.root / "data" / "acme" / layer).iterdir() if p.is_dir())


class TestStaged:
    def test_what_was_staged_is_read_back(self, company: Company, engine):
        layer = read_staged(company.settings)
        assert layer.manifest["run_id"] == "test"
        tables = open_tables(engine, layer)
        assert set(tables) == set(COMPANY)
        assert tables["customers"].count().to_pyarrow().as_py() == 3

    def test_one_that_is_removed_while_it_is_read_is_named(self, company: Company, engine, tmp_path: Path):
        tables = open_tables(engine, read_staged(company.settings))
        read_staged(company.settings).path("events").unlink()
        gone = r"events\.parquet was there at the start and is gone"
        with pytest.raises(DataRefused, match=gone) as lost, output_errors(tmp_path):
            write_table(engine, tables["events"], tmp_path / "out.parquet")
        assert lost.value.code == "lost_file"

    def test_the_same_data_again_is_the_same_version(self, company: Company):
        before = read_staged(company.settings)
        company.written |= set(COMPANY)
        after, _ = company.stage()
        assert after.fingerprint == before.fingerprint
        assert folders(company) == [before.fingerprint]

    def test_the_order_of_raw_rows_does_not_make_a_version(self, company: Company):
        before = company.stage()[0].fingerprint
        head, *rows = COMPANY["events"].strip().splitlines()
        company.write("events", "\n".join([head, *rows[::-1]]))
        assert company.stage()[0].fingerprint == before

    def test_other_data_is_another_version_and_the_pointer_follows(self, company: Company):
        first, _ = company.stage()
        company.append("events", "E9,C1,2024-03-01,login")
        second, _ = company.stage()
        assert first.fingerprint != second.fingerprint
        assert {first.fingerprint, second.fingerprint} <= set(folders(company))
        assert read_json(second.folder.parent / CURRENT) == {"fingerprint": second.fingerprint}

    def test_only_the_latest_versions_are_kept(self, company: Company):
        prints = []
        for number in range(layers.KEEP_VERSIONS + 1):
            company.append("events", f"E9{number},C1,2024-03-01,login")
            prints.append(company.stage()[0].fingerprint)
            os.utime(company.root / "data" / "acme" / "staged" / prints[-1], (number + 10**9, number + 10**9))
        assert set(folders(company)) >= {prints[-1]}
        assert len(folders(company)) == layers.KEEP_VERSIONS
        assert prints[0] not in folders(company)

    def test_rejected_rows_lie_beside_the_good_ones_only_where_there_are_any(self, company: Company):
        layer, _ = company.stage()
        assert not layer.path("rejected_events").exists()
        company.append("events", "E9,,2024-03-01,login")
        layer, _ = company.stage(max_null_share=0.5)
        assert layer.path("rejected_events").is_file()
        assert not layer.path("rejected_customers").exists()

    def test_a_source_that_was_never_staged(self, tmp_path: Path):
        with pytest.raises(DataRefused, match="Run 'churn validate'") as refused:
            read_staged(make_settings(tmp_path))
        assert refused.value.code == "not_staged"

    def test_settings_that_changed_since(self, company: Company):
        source = company.settings.source.model_copy(update={"time_zone": "Europe/Berlin"})
        with pytest.raises(DataRefused) as refused:
            read_staged(company.settings.model_copy(update={"source": source}))
        assert refused.value.code == "stale_staged"

    def test_a_pointer_to_a_version_that_is_gone(self, company: Company):
        (read_staged(company.settings).folder / MANIFEST).unlink()
        with pytest.raises(DataRefused) as refused:
            read_staged(company.settings)
        assert refused.value.code == "not_staged"

    @pytest.mark.parametrize("name", [CURRENT, MANIFEST])
    def test_what_a_lost_power_emptied_says_to_stage_again_which_repairs_it(self, company: Company, name: str):
        folder = read_staged(company.settings).folder
        (folder.parent / name if name == CURRENT else folder / name).write_bytes(b"")
        with pytest.raises(DataRefused, match="Run 'churn validate'"):
            read_staged(company.settings)
        company.written |= set(COMPANY)
        company.stage()
        assert read_staged(company.settings).folder == folder

    @pytest.mark.parametrize("name", [CURRENT, MANIFEST])
    def test_what_is_no_manifest_says_to_stage_again(self, company: Company, name: str):
        folder = read_staged(company.settings).folder
        (folder.parent / name if name == CURRENT else folder / name).write_text('["fingerprint"]')
        with pytest.raises(DataRefused, match="Run 'churn validate'"):
            read_staged(company.settings)

    def test_a_damaged_file_is_named_and_staging_again_repairs_it(self, company: Company, engine):
        layer = read_staged(company.settings)
        layer.path("events").write_bytes(layer.path("events").read_bytes()[:100])
        with pytest.raises(DataRefused, match="Run 'churn validate'") as refused:
            open_tables(engine, layer)
        assert (refused.value.code, refused.value.table) == ("broken_file", "events")
        company.written |= set(COMPANY)
        company.stage()
        assert open_tables(engine, layer)["events"].count().to_pyarrow().as_py() == 3

    def test_a_bit_that_flipped_in_a_value_is_seen_although_the_file_still_reads(self, company: Company, engine):
        layer = read_staged(company.settings)
        rows = pq.read_table(layer.path("subscriptions"))
        mrr = pa.array([51.0, *rows["mrr"].to_pylist()[1:]])
        pq.write_table(rows.set_column(rows.schema.get_field_index("mrr"), "mrr", mrr), layer.path("subscriptions"))
        with pytest.raises(DataRefused, match="was altered after it was staged") as refused:
            open_tables(engine, layer)
        assert (refused.value.code, refused.value.table) == ("broken_file", "subscriptions")

    def test_a_disk_that_is_full_leaves_the_former_version(self, company: Company, monkeypatch: pytest.MonkeyPatch):
        before = company.on_disk()
        write = layers.write_table

        def full(engine, table, path: Path) -> int:
            if path.name == "events.parquet":
                path.symlink_to("/dev/full")
            return write(engine, table, path)

        monkeypatch.setattr(layers, "write_table", full)
        company.append("events", "E9,C1,2024-03-01,login")
        with pytest.raises(OutputFailed) as failed:
            company.stage()
        assert failed.value.exit_code == 4
        assert company.on_disk() == before


class TestDatasets:
    def written(self, settings: ChurnSettings, **tables: str) -> tuple[Layer, dict[str, int]]:
        with open_engine(ENGINE) as engine:
            keys = {"as_of_date": ibis.literal("2024-01-01"), "customer_id": ibis.literal("C1")}
            frames = {name: text_table(rows).mutate(**keys) for name, rows in tables.items()}
            key = dataset_key(settings, read_staged(settings))
            return write_dataset(engine, frames, settings, key, {"run_id": "r"})

    def test_what_was_written_is_found_under_its_settings(self, company: Company):
        settings = company.settings
        staged = read_staged(settings)
        assert find_dataset(settings, staged) is None
        layer, rows = self.written(settings, labels="a\n1\n2", features="a\n1")
        found = find_dataset(settings, staged)
        assert found is not None and found.manifest == layer.manifest
        assert rows == layer.manifest["rows"] == {"labels": 2, "features": 1}
        assert found.manifest["run_id"] == "r"

    def test_another_problem_is_another_data_set(self, company: Company):
        settings = company.settings
        staged = read_staged(settings)
        label = settings.label.model_copy(update={"grace_days": 3})
        assert dataset_key(settings, staged) != dataset_key(settings.model_copy(update={"label": label}), staged)

    def test_settings_of_the_answer_do_not_make_another_data_set(self, company: Company):
        settings = company.settings
        policy = settings.policy.model_copy(update={"capacity": 99})
        staged = read_staged(settings)
        assert dataset_key(settings, staged) == dataset_key(settings.model_copy(update={"policy": policy}), staged)

    def test_the_same_again_replaces_it_and_leaves_nothing_else(self, company: Company):
        self.written(company.settings, labels="a\n1\n2")
        layer, _ = self.written(company.settings, labels="a\n1")
        assert folders(company, "datasets") == [layer.fingerprint]
        assert layer.manifest["rows"] == {"labels": 1}

    def test_a_folder_without_manifest_was_never_finished(self, company: Company):
        layer, _ = self.written(company.settings, labels="a\n1")
        (layer.folder / MANIFEST).unlink()
        assert find_dataset(company.settings, read_staged(company.settings)) is None

    def test_one_that_lost_a_table_has_to_be_built_again(self, company: Company):
        layer, _ = self.written(company.settings, labels="a\n1", attributes="a\n1")
        layer.path("attributes").unlink()
        assert find_dataset(company.settings, read_staged(company.settings)) is None

    def test_one_of_which_a_file_was_altered_has_to_be_built_again(
        self, company: Company, caplog: pytest.LogCaptureFixture
    ):
        layer, _ = self.written(company.settings, labels="a\n1")
        pq.write_table(pq.read_table(layer.path("labels")).slice(0, 0), layer.path("labels"))
        assert find_dataset(company.settings, read_staged(company.settings)) is None
        assert "labels.parquet is gone or was altered" in caplog.text
