from __future__ import annotations

import json
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from churn.core.errors import DataRefused, OutputFailed, RunLocked
from churn.integrations import publication
from churn.integrations.locks import hold_lock
from churn.integrations.publication import publish, read_published

JUNE, JULY = date(2024, 6, 30), date(2024, 7, 31)
FACTS = {"run_id": "r1", "model_version": "1"}


def _tables(mark: str = "a", rows: int = 3) -> dict[str, pd.DataFrame]:
    scores = pd.DataFrame(
        {"customer_id": [f"00{n}" for n in range(rows)], "mark": mark, "reasons": [["x", "y"]] * rows}
    )
    return {"scores": scores, "worklist": scores.head(1)}


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_what_is_published_is_read_back_with_its_facts(tmp_path: Path) -> None:
    entry = publish(tmp_path, JUNE, _tables(), FACTS)
    rows, read = read_published(tmp_path, "2024-06-30", "scores")
    assert read == entry
    assert (entry["run_id"], entry["model_version"], entry["rows"]) == ("r1", "1", {"scores": 3, "worklist": 1})
    assert list(rows["customer_id"]) == ["000", "001", "002"]
    assert list(rows["reasons"][0]) == ["x", "y"]


def test_the_same_list_again_gives_the_same_bytes_and_no_second_copy(tmp_path: Path) -> None:
    publish(tmp_path, JUNE, _tables(), FACTS)
    before = {name: (tmp_path / name).read_bytes() for name in _files(tmp_path)}
    publish(tmp_path, JUNE, _tables(), FACTS)
    assert {name: (tmp_path / name).read_bytes() for name in _files(tmp_path)} == before


def test_another_list_of_the_same_date_replaces_it(tmp_path: Path) -> None:
    publish(tmp_path, JUNE, _tables("a"), FACTS)
    publish(tmp_path, JUNE, _tables("b"), FACTS)
    assert set(read_published(tmp_path, "2024-06-30", "scores")[0]["mark"]) == {"b"}
    assert len(_files(tmp_path)) == 3  # two tables and the manifest: the former files are gone


def test_other_dates_stand(tmp_path: Path) -> None:
    publish(tmp_path, JUNE, _tables("a"), FACTS)
    publish(tmp_path, JULY, _tables("b"), FACTS)
    assert set(read_published(tmp_path, "2024-06-30", "scores")[0]["mark"]) == {"a"}
    assert set(read_published(tmp_path, "latest", "scores")[0]["mark"]) == {"b"}


def test_latest_is_the_newest_date_not_the_last_that_was_published(tmp_path: Path) -> None:
    publish(tmp_path, JULY, _tables("b"), FACTS)
    publish(tmp_path, JUNE, _tables("a"), FACTS)
    assert set(read_published(tmp_path, "latest", "scores")[0]["mark"]) == {"b"}


@pytest.mark.parametrize("as_of", ["latest", "2024-01-01", "nonsense"])
def test_a_date_without_a_list_is_refused_and_those_there_are_get_named(as_of: str, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="no list has been published yet"):
        read_published(tmp_path, as_of, "scores")
    publish(tmp_path, JUNE, _tables(), FACTS)
    if as_of != "latest":
        with pytest.raises(DataRefused, match=rf"no list of {as_of}.*there are: 2024-06-30") as refused:
            read_published(tmp_path, as_of, "scores")
        assert refused.value.code == "no_list"


def test_a_source_without_a_list_is_named_with_those_that_have_one(tmp_path: Path) -> None:
    publish(tmp_path / "acme" / "lists", JUNE, _tables(), FACTS)
    with pytest.raises(DataRefused, match="yet of source=demo") as refused:
        read_published(tmp_path / "demo" / "lists", "latest", "worklist")
    assert str(refused.value).endswith("or choose another source that has lists: source=acme")


def test_what_a_killed_run_left_is_swept_up_by_the_next(tmp_path: Path) -> None:
    tmp_path.joinpath(".scores-2024-06-30-abc.parquet.999.tmp").write_bytes(b"half")
    tmp_path.joinpath(".manifest.json.999.tmp").write_bytes(b"{")
    tmp_path.joinpath("scores-2024-06-30-000000000000.parquet").write_bytes(b"never named")
    publish(tmp_path, JUNE, _tables(), FACTS)
    assert len(_files(tmp_path)) == 3


def test_while_another_run_publishes_the_second_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    publish(tmp_path, JUNE, _tables("a"), FACTS)
    before = _files(tmp_path)
    with hold_lock(tmp_path / ".lock"), pytest.raises(RunLocked):
        publish(tmp_path, JUNE, _tables("b"), FACTS)
    assert _files(tmp_path) == before


@pytest.mark.parametrize("step", ["_write_named_by_content", "write_json"])
def test_a_failure_to_write_leaves_the_former_list_and_no_temporary_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, JUNE, _tables("a"), FACTS)

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publication, step, full)
    with pytest.raises(OutputFailed, match="No space left on device; what was there before is untouched"):
        publish(tmp_path, JUNE, _tables("b"), FACTS)
    monkeypatch.undo()
    assert set(read_published(tmp_path, "2024-06-30", "scores")[0]["mark"]) == {"a"}
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_reader_between_manifest_and_file_reads_the_new_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, JUNE, _tables("a"), FACTS)
    plain, raced = publication.read_json, []

    def slow(path: Path, *others: Any) -> Any:
        content = plain(path, *others)
        if len(raced) < 3:  # the list is replaced again and again after the manifest was read
            raced.append(publish_other(f"b{len(raced)}"))
        return content

    def publish_other(mark: str) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(publication, "read_json", plain)
            publish(tmp_path, JUNE, _tables(mark), FACTS)
        return mark

    monkeypatch.setattr(publication, "read_json", slow)
    rows, _ = read_published(tmp_path, "2024-06-30", "scores")
    assert set(rows["mark"]) == {"b2"}


def test_readers_never_fail_while_lists_are_replaced(tmp_path: Path) -> None:
    publish(tmp_path, JUNE, _tables("first", 50), FACTS)
    done, problems = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            try:
                rows, entry = read_published(tmp_path, "latest", "scores")
                assert len(rows) == entry["rows"]["scores"]
                assert rows["mark"].nunique() == 1
            except Exception as error:  # noqa: BLE001 - any failure of a reader is what is looked for
                problems.append(repr(error))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        publish(tmp_path, JUNE, _tables(f"list {number}", 50 + number), FACTS)
    done.set()
    reader.join()
    assert problems == []


@pytest.mark.parametrize("damage", ["cut short", "another table", "removed"])
def test_a_lost_or_damaged_file_is_said_to_be_so(damage: str, tmp_path: Path) -> None:
    entry = publish(tmp_path, JUNE, _tables(), FACTS)
    path = tmp_path / entry["files"]["scores"]
    path.write_bytes(path.read_bytes()[:-20])
    if damage == "another table":
        pd.DataFrame({"a": [1]}).to_parquet(path)
    if damage == "removed":
        path.unlink()
    with pytest.raises(DataRefused, match=r"list of latest is lost or damaged\. Score that date again"):
        read_published(tmp_path, "latest", "scores")


def test_a_damaged_manifest_is_said_to_be_so_and_nothing_is_lost(tmp_path: Path) -> None:
    entry = publish(tmp_path, JUNE, _tables(), FACTS)
    (tmp_path / "manifest.json").write_bytes(b"")
    for act in (
        lambda: read_published(tmp_path, "latest", "scores"),
        lambda: publish(tmp_path, JUNE, _tables(), FACTS),
    ):
        with pytest.raises(DataRefused, match=r"manifest.json \(0 bytes\) is damaged\. Restore it"):
            act()
    assert (tmp_path / entry["files"]["scores"]).is_file()


@pytest.mark.parametrize("content", ["[]", "{}", '{"dates": null}', '{"dates": {"2024-06-30": {}}}', '"x"'])
def test_a_manifest_of_another_shape_is_a_damaged_one(content: str, tmp_path: Path) -> None:
    publish(tmp_path, JUNE, _tables(), FACTS)
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    for act in (
        lambda: read_published(tmp_path, "latest", "scores"),
        lambda: publish(tmp_path, JUNE, _tables(), FACTS),
    ):
        with pytest.raises(DataRefused, match=r"manifest.json .* is damaged\. Restore it"):
            act()


def test_an_entry_that_names_no_file_of_a_table_is_a_lost_list(tmp_path: Path) -> None:
    publish(tmp_path, JUNE, {"scores": _tables()["scores"]}, FACTS)
    with pytest.raises(DataRefused, match="lost or damaged"):
        read_published(tmp_path, "latest", "worklist")


def test_the_manifest_is_plain_json(tmp_path: Path) -> None:
    publish(tmp_path, JUNE, _tables(), FACTS)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    entry = manifest["dates"]["2024-06-30"]
    assert all((tmp_path / name).is_file() for name in entry["files"].values())
