from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence

import pytest

from churn import cli
from churn.commands.listing import read_options
from pipelines import stages
from tests.pipelines.demo import Outcome, run_churn


class TestHelp:
    @pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
    def test_lists_every_command_with_what_it_does(self, words: list[str]) -> None:
        done = run_churn(*words)
        assert done.code == 0
        for name, text in cli.STAGES.items():
            assert f"  {name:<10} {text}" in done.out
        for name, (_, text) in cli.COMMANDS.items():
            assert f"  {name:<10} {text}" in done.out

    def test_is_shown_when_nothing_is_asked_but_that_is_a_usage_error(self) -> None:
        done = run_churn()
        assert done.code == 2
        assert "usage: churn COMMAND" in done.out

    def test_needs_none_of_the_heavy_libraries(self) -> None:
        code = (
            "import sys; from churn import cli; cli.main(['--help']);"
            "sys.exit(sorted({'mlflow', 'hydra', 'pandas', 'ibis', 'lightgbm'} & set(sys.modules)) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("word", "near"), [("trian", "train"), ("lists", "list"), ("promot", "promote")])
def test_an_unknown_command_names_the_nearest(word: str, near: str) -> None:
    done = run_churn(word)
    assert done.code == 2
    assert f"no command '{word}'; did you mean '{near}'?" in done.err


class TestStages:
    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
        """What stages are given, instead of running them."""
        seen: list[tuple[str, list[str]]] = []

        def main_of(stage: str) -> Callable[[Sequence[str]], int]:
            def main(words: Sequence[str]) -> int:
                seen.append((stage, list(words)))
                return 7

            return main

        monkeypatch.setattr(stages, "main_of", main_of)
        return seen

    @pytest.mark.parametrize("stage", list(cli.STAGES))
    def test_words_are_handed_on_and_the_exit_code_back(self, stage: str, given: list[tuple[str, list[str]]]) -> None:
        assert cli.main([stage, "model=logistic", "--multirun"]) == 7
        assert given == [(stage, ["model=logistic", "--multirun"])]

    @pytest.mark.parametrize("words", [["--as-of", "2024-06-30"], ["--as-of=2024-06-30"]])
    def test_as_of_is_short_for_its_override(self, words: list[str], given: list[tuple[str, list[str]]]) -> None:
        cli.main(["score", "experiment=telco", *words, "policy.capacity=5"])
        assert given[0][1] == ["experiment=telco", "scoring.as_of=2024-06-30", "policy.capacity=5"]

    def test_help_says_what_the_stage_is_for(self, given: list, capsys: pytest.CaptureFixture[str]) -> None:
        cli.main(["score", "--help"])
        assert capsys.readouterr().out.startswith("usage: churn score [group=choice ...]")
        assert given == [("score", ["--help"])]

    def test_as_of_without_a_date_is_no_date(self, given: list[tuple[str, list[str]]]) -> None:
        cli.main(["audit", "experiment=telco", "--as-of"])
        assert given[0][1] == ["experiment=telco", "scoring.as_of="]


SLOW_TO_LOAD = ("sklearn", "lightgbm", "mlflow", "shap", "ibis", "pandas")


@pytest.mark.parametrize("words", [["train"], ["score"], ["tune"], ["compare"], ["promote", "1"]], ids=" ".join)
def test_a_mistake_in_the_settings_is_said_before_anything_slow_is_loaded(words: list[str]) -> None:
    program = f"""
        import sys
        from churn.cli import main
        print(main({[*words, "windows.lead_days=-1"]}), [m for m in {SLOW_TO_LOAD} if m in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert "windows.lead_days" in done.stderr
    assert done.stdout.strip() == "2 []"


class TestUsage:
    """Wrong words for `list` and `promote` are usage errors, said in one line, before anything is read."""

    @staticmethod
    def _refused(*words: str) -> Outcome:
        done = run_churn(*words)
        assert done.code == 2
        assert "Traceback" not in done.err
        return done

    @pytest.mark.parametrize(
        "words", [["--top", "0"], ["--top", "-3"], ["--top", "many"], ["--min-mrr", "much"], ["--min-mrr", "nan"]]
    )
    def test_numbers_must_be_numbers(self, words: list[str]) -> None:
        assert f"argument {words[0]}" in self._refused("list", *words).err

    def test_a_segment_is_a_name_and_a_value(self) -> None:
        assert "give it as NAME=VALUE" in self._refused("list", "--segment", "country").err

    def test_excel_needs_a_file_and_the_screen_takes_none(self) -> None:
        assert "--format xlsx needs --out FILE" in self._refused("list", "--format", "xlsx").err
        assert "--out needs --format csv, json or xlsx" in self._refused("list", "--out", "x.txt").err

    @pytest.mark.parametrize("command", ["list", "compare"])
    def test_a_file_to_write_has_a_name(self, command: str) -> None:
        assert "argument --out: name a file" in self._refused(command, "--out", "").err

    @pytest.mark.parametrize("words", [["--format", "pdf"], ["--language", "fr"], ["--tpo", "5"]])
    def test_choices_are_named(self, words: list[str]) -> None:
        self._refused("list", *words)

    def test_a_typo_in_an_override_names_the_nearest(self) -> None:
        assert "paths.dat: unknown key; did you mean 'data'?" in self._refused("list", "paths.dat=x").err
        assert "source: no file conf/source/dmeo.yaml; did you mean 'demo'?" in self._refused("list", "source=dmeo").err

    def test_a_folder_without_a_name_is_not_the_top_of_the_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "paths.data: must not be empty" in self._refused("list", "paths.data=").err
        monkeypatch.setenv("CHURN_HOME", "")
        assert "paths.root: must not be empty" in self._refused("list").err

    def test_a_store_without_an_address_is_not_one_in_the_present_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
        assert "tracking.uri: must not be empty" in self._refused("compare").err

    def test_promoting_by_force_wants_a_reason(self) -> None:
        assert "--force needs --why" in self._refused("promote", "1", "--force").err

    @pytest.mark.parametrize("words", [[], ["1", "2"], ["1", "--rollback"]])
    def test_promoting_wants_one_version_or_a_rollback(self, words: list[str]) -> None:
        assert "name one VERSION or RUN, or give --rollback" in self._refused("promote", *words).err

    @pytest.mark.parametrize("words", [["--help"], ["-h"]])
    @pytest.mark.parametrize("command", list(cli.COMMANDS))
    def test_help_of_a_command_is_no_error(self, command: str, words: list[str]) -> None:
        done = run_churn(command, *words)
        assert done.code == 0
        assert f"usage: churn {command}" in done.out


def test_overrides_may_stand_before_or_after_options() -> None:
    for words in (["--top", "5", "source=demo", "--all"], ["source=demo", "--top", "5", "--all"]):
        options = read_options(words)
        assert (options.overrides, options.top, options.all) == (["source=demo"], 5, True)
