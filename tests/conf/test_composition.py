"""Every file of every group composes and builds its settings; no data needs to be there."""

from __future__ import annotations

import logging.config
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from churn.core.contract import CONTRACT
from churn.core.settings import ChurnSettings
from churn.core.tuning import TuneSettings
from churn.explanation.contributions import explain_rows
from churn.integrations.bundles import read_bundle, write_bundle
from churn.modeling.fit import fit_bundle
from churn.simulation.settings import SimulateSettings
from pipelines.composition import CONF, compose
from pipelines.estimators import build_candidate
from tests.unit.modeling.toys import CATALOG, PROBLEM, make_fold, make_matrix, rows_of

FILES = sorted(path.relative_to(CONF) for path in CONF.glob("*/*.yaml"))
STAGES = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "base")
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
AS_OF = "scoring.as_of=2024-06-30"


def _kind(stage: str) -> type[ChurnSettings]:
    if stage == "tune":
        return TuneSettings
    return SimulateSettings if "simulation:" in (CONF / f"{stage}.yaml").read_text() else ChurnSettings


def _settings(group: str, name: str) -> ChurnSettings:
    stage = {"simulation": "simulate", "tuning": "tune"}.get(group, "train")
    return compose(stage, _kind(stage), [f"{group}={name}", AS_OF])


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_of_every_group_builds_its_settings(file: Path) -> None:
    group, name = file.parent.name, file.stem
    settings = _settings(group, name)
    if group != "experiment":
        given = yaml.safe_load((CONF / file).read_text())
        built = getattr(settings, group).model_dump(mode="json")
        plain = {
            k: v for k, v in given.items() if isinstance(v, int | float | str) and "${" not in str(v) and v != "???"
        }
        assert {key: built[key] for key in plain} == plain


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_composes_with_its_defaults(stage: str) -> None:
    settings = compose(stage, _kind(stage), [AS_OF])
    assert settings.source.name == "demo"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "simulate"])
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_suits_every_stage(stage: str, experiment: str) -> None:
    compose(stage, _kind(stage), [f"experiment={experiment}", AS_OF])


def test_every_stage_has_an_entry_and_a_line_of_help() -> None:
    from churn.cli import STAGES as COMMANDS

    assert set(STAGES) == set(COMMANDS)
    for stage in STAGES:
        assert (CONF.parent / "pipelines" / f"{stage}.py").is_file()


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_begins_by_saying_when_to_choose_it(file: Path) -> None:
    lines = (CONF / file).read_text().splitlines()
    assert lines[0].startswith("# ")
    if file.parent.name == "experiment":
        assert lines[0] == "# @package _global_"
        assert lines[1].startswith("# Question: ")
        assert any(line.startswith("# Command: churn ") and f"experiment={file.stem}" in line for line in lines)


@pytest.mark.parametrize("group", sorted({f.parent.name for f in FILES} - {"experiment", "source", "simulation"}))
def test_files_of_a_group_can_be_exchanged_key_by_key(group: str) -> None:
    first, *others = [_keys(path) for path in (CONF / group).glob("*.yaml")]
    assert all(other == first for other in others)


def _keys(file: Path) -> set[str]:
    """Return the keys of a file, of the files it builds on, and those under which it takes one in (`file@key`)."""
    content = yaml.safe_load(file.read_text())
    keys = set(content) - {"defaults"}
    for base in content.get("defaults", []):
        name, _, key = base.partition("@")
        if name != "_self_":
            keys |= {key.partition(".")[0]} if key else _keys(file.with_name(f"{name}.yaml"))
    return keys


@pytest.mark.parametrize("file", [file for file in FILES if file.parent.name == "source"], ids=str)
def test_a_source_lives_in_a_file_of_its_own_name_and_maps_known_tables(file: Path) -> None:
    source = _settings("source", file.stem).source
    assert source.name == file.stem
    assert set(source.tables) <= {*CONTRACT, "matrix"}
    for name, words in source.attributes.items():
        settings = source.attribute(name)
        if settings.role in ("category", "number"):
            assert settings.en and settings.ja, f"{name}: {words}"


@pytest.mark.parametrize("file", [file for file in FILES if file.parent.name == "model"], ids=str)
def test_every_model_can_be_fitted_explained_stored_and_read_again(file: Path, tmp_path: Path) -> None:
    settings = _settings("model", file.stem).model
    quick = {**settings.estimator, **({"n_estimators": 20} if "n_estimators" in settings.estimator else {})}
    model = build_candidate(settings.model_copy(update={"estimator": quick, "stopping_rounds": None}))
    matrix = make_matrix()
    bundle = fit_bundle(matrix, make_fold(matrix), model, CATALOG, "sigmoid", PROBLEM)
    explained = explain_rows(bundle, rows_of())
    assert np.allclose(explained.values.sum(axis=1) + explained.base, explained.raw_score)
    again = read_bundle(tmp_path, write_bundle(bundle, tmp_path))
    assert (again.raw_score(rows_of()) == bundle.raw_score(rows_of())).all()


def test_hydras_logging_is_one_that_python_accepts(tmp_path: Path) -> None:
    content = yaml.safe_load((CONF / "hydra" / "job_logging" / "plain.yaml").read_text())
    content["handlers"]["file"]["filename"] = str(tmp_path / "run.log")
    configurator = logging.config.DictConfigurator(content)
    for name in content["formatters"]:
        configurator.configure_formatter(content["formatters"][name])


class TestPlumbing:
    def test_everything_lies_below_the_home_that_the_environment_names(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("CHURN_HOME", str(tmp_path))
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        settings = compose("train", ChurnSettings, [])
        assert settings.paths.data == tmp_path / "data"
        assert settings.tracking.uri.startswith(f"sqlite:///{tmp_path}/models/mlflow.db")
        assert settings.tracking.artifacts == tmp_path / "models" / "artifacts"

    def test_the_tracking_address_comes_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
        assert compose("train", ChurnSettings, []).tracking.uri == "http://127.0.0.1:5000"

    def test_the_experiment_is_named_for_the_company(self) -> None:
        assert compose("train", ChurnSettings, ["source=telco"]).tracking.experiment == "churn-telco"

    def test_no_file_holds_a_secret_or_a_place_on_somebodys_machine(self) -> None:
        for path in CONF.rglob("*.yaml"):
            text = path.read_text()
            assert not re.search(r"(password|secret|token)\s*:", text, re.IGNORECASE), path
            assert not re.search(r"(?m)(^|[\s\"'])/(home|work|Users|tmp)/", text), path
