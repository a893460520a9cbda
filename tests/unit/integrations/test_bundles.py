from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from churn.core.errors import DependencyDown
from churn.integrations.bundles import read_bundle, write_bundle
from tests.unit.modeling.toys import fitted, rows_of

BOTH = pytest.mark.parametrize("encoding", ["trees", "linear"])


@BOTH
@pytest.mark.parametrize("calibration", ["none", "sigmoid", "isotonic", "centred"])
def test_comes_back_with_the_same_probabilities(encoding: str, calibration: str, tmp_path: Path) -> None:
    bundle, rows = fitted(encoding, calibration), rows_of()  # type: ignore[arg-type]
    again = read_bundle(tmp_path, write_bundle(bundle, tmp_path))
    assert (again.probability(again.raw_score(rows)) == bundle.probability(bundle.raw_score(rows))).all()
    for name in ("calibrator", "model_name", "problem", "base_rate", "typical", "last_fit_date", "alike"):
        assert getattr(again, name) == getattr(bundle, name)
    assert again.catalog.features == bundle.catalog.features


@BOTH
def test_holds_no_pickle(encoding: str, tmp_path: Path) -> None:
    write_bundle(fitted(encoding), tmp_path)  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.json", "model.skops"]
    with zipfile.ZipFile(tmp_path / "model.skops") as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]


@BOTH
def test_is_the_same_file_again(encoding: str, tmp_path: Path) -> None:
    first, second = (write_bundle(fitted(encoding), tmp_path / name) for name in "ab")  # type: ignore[arg-type]
    former, latter = (json.loads((tmp_path / name / "bundle.json").read_text()) for name in "ab")
    assert {k: v for k, v in former.items() if k != "model_sha256"} == {
        k: v for k, v in latter.items() if k != "model_sha256"
    }
    assert first and second


class TestDamage:
    @pytest.fixture
    def stored(self, tmp_path: Path) -> tuple[Path, str]:
        return tmp_path, write_bundle(fitted("trees"), tmp_path)

    @pytest.mark.parametrize("name", ["bundle.json", "model.skops"])
    @pytest.mark.parametrize("damage", ["cut short", "one bit", "emptied", "removed"])
    def test_is_found_before_anything_is_parsed(self, name: str, damage: str, stored: tuple[Path, str]) -> None:
        folder, checksum = stored
        path = folder / name
        content = bytearray(path.read_bytes())
        if damage == "one bit":
            content[len(content) // 2] ^= 1
        path.write_bytes({"cut short": content[: len(content) // 2], "one bit": content}.get(damage, b""))
        if damage == "removed":
            path.unlink()
        with pytest.raises(DependencyDown, match=name) as refused:
            read_bundle(folder, checksum)
        assert "roll back" in str(refused.value)

    def test_a_bundle_that_was_exchanged_whole_is_found_by_the_registered_checksum(
        self, stored: tuple[Path, str]
    ) -> None:
        folder, checksum = stored
        write_bundle(fitted("linear"), folder)
        with pytest.raises(DependencyDown, match="not the file that was registered"):
            read_bundle(folder, checksum)

    def test_without_a_registered_checksum_nothing_is_read(self, stored: tuple[Path, str]) -> None:
        with pytest.raises(DependencyDown):
            read_bundle(stored[0], "")

    def test_types_that_are_not_trusted_are_not_loaded(self, tmp_path: Path) -> None:
        bundle = fitted("trees")
        stranger = Pipeline([("encode", bundle.pipeline.named_steps["encode"]), ("model", Stranger())])
        checksum = write_bundle(replace(bundle, pipeline=stranger), tmp_path)
        with pytest.raises(DependencyDown, match="types we do not trust"):
            read_bundle(tmp_path, checksum)


class Stranger(GaussianNB):
    """An estimator of nobody we know."""
