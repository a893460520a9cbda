from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from pipelines import composition
from pipelines.composition import compose, read_command_line


def _problems(*words: str, stage: str = "train") -> tuple[str, ...]:
    with pytest.raises(ConfigRefused) as refused:
        compose(stage, ChurnSettings, words)
    return refused.value.problems


def test_plain_overrides_and_choices_are_taken() -> None:
    settings = compose("train", ChurnSettings, ["policy.capacity=7", "model=logistic", "+policy.currency=JPY"])
    assert (settings.policy.capacity, settings.policy.currency, settings.model.name) == (7, "JPY", "logistic")


@pytest.mark.parametrize("days", [30, 60])
def test_the_embargo_grows_with_the_horizon(days: int) -> None:
    settings = compose("train", ChurnSettings, [f"windows.horizon_days={days}"])
    assert settings.windows.embargo_days == settings.windows.lead_days + days


def test_experiment_overrides_come_after_their_groups() -> None:
    settings = compose("train", ChurnSettings, ["experiment=telco", "calibration=isotonic"])
    assert (settings.source.name, settings.calibration.method) == ("telco", "isotonic")


@pytest.mark.parametrize("word", ["polcy.capacity=3", "+polcy.capacity=3", "++polcy.capacity=3", "polcy=default"])
def test_an_unknown_key_names_the_nearest_however_it_is_spelt(word: str) -> None:
    assert _problems(word) == ("polcy: unknown key; did you mean 'policy'?",)


@pytest.mark.parametrize("word", ["policy.capactiy=3", "+policy.capactiy=3", "++policy.capactiy=3"])
def test_an_unknown_key_inside_a_group_names_the_nearest(word: str) -> None:
    assert _problems(word) == ("policy.capactiy: unknown key; did you mean 'capacity'?",)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("windows.horizon_days=abc", "windows.horizon_days: input should be a valid integer"),
        ("windows.horizon_days=0", "windows.horizon_days: input should be greater than or equal to 1"),
        ("windows.lead_days=-7", "windows.lead_days: input should be greater than or equal to 0 (found -7)"),
        ("policy.capacity=2.5", "policy.capacity: "),
        ("policy.capacity=null", "policy.capacity: "),
        ("policy.control_share=0.9", "policy.control_share: input should be less than or equal to 0.5 (found 0.9)"),
        ("calibration.method=platt", "calibration.method: input should be 'none', 'sigmoid', 'isotonic' or 'centred'"),
        ("scoring.as_of=30.6.2024", "scoring.as_of"),
        ("windows.embargo_days=3", "windows: embargo_days (3) must be at least lead_days + horizon_days (37)"),
        ("engine.memory_limit=4", "engine.memory_limit: "),
        ("windows.max_dates=???", "windows.max_dates: a value must be given (windows.max_dates=...)"),
    ],
)
def test_a_wrong_value_is_said_with_its_key(word: str, problem: str) -> None:
    problems = _problems(word)
    assert any(text.startswith(problem) for text in problems), problems


def test_an_unknown_choice_names_the_nearest_and_all_there_are() -> None:
    (problem,) = _problems("model=ligthgbm")
    assert problem.startswith("model: no file conf/model/ligthgbm.yaml; did you mean 'lightgbm'?")
    assert "logistic" in problem


def test_everything_is_said_at_once() -> None:
    problems = _problems(
        "model=ligthgbm",
        "split=tempral",
        "+typo=1",
        "windows.lead_days=-1",
        "policy.capactiy=3",
        "windows.max_dates=???",
    )
    assert len(problems) == 6
    assert {problem.split(":")[0] for problem in problems} == {
        "model", "split", "typo", "windows.lead_days", "policy.capactiy", "windows.max_dates",
    }  # fmt: skip


def test_a_date_that_must_be_given_is_asked_for() -> None:
    assert _problems(stage="score") == ("scoring.as_of: a value must be given (scoring.as_of=...)",)


def test_a_word_that_cannot_be_read_is_quoted_beside_the_other_problems() -> None:
    problems = _problems("policy.capacity=[1,", "typo=1", "source.name={a")
    assert [problem.split(":")[0] for problem in problems] == ["policy.capacity=[1,", "source.name={a", "typo"]
    assert "write KEY=VALUE" in problems[0]


def test_sweeps_of_choices_are_judged_too() -> None:
    line = read_command_line(["model=lightgbm,logistc", "--multirun"])
    assert len(line.problems) == 1
    assert "logistc" in line.problems[0]
    assert read_command_line(["model=lightgbm,logistic"]).problems == ()


def test_flags_and_hydras_own_keys_pass_as_they_are() -> None:
    words = ["--multirun", "hydra.job.num=1", "~scoring.as_of", "policy.capacity=1"]
    assert set(read_command_line(words).words) == {
        "--multirun", "hydra.job.num=1", "~scoring.as_of", "++policy.capacity=1",
    }  # fmt: skip


def test_two_sources_of_one_name_are_refused_for_their_data_would_lie_in_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = shutil.copytree(composition.CONF, tmp_path / "conf")
    (conf / "source" / "acme.yaml").write_text("defaults:\n  - demo\n  - _self_\nname: demo  # copied\n")
    monkeypatch.setattr(composition, "CONF", conf)
    with pytest.raises(ConfigRefused, match=r"acme\.yaml and conf/source/demo\.yaml have the same name: demo"):
        compose("train", ChurnSettings, ["source=acme"])
