"""The small parts a company is drawn with: counts, ids, calendars, payments ahead, folders that are whole or absent."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from churn.core.errors import OutputFailed, RunLocked
from churn.simulation.arrow import ids, instants
from churn.simulation.moments import next_batch
from churn.simulation.randomness import Purpose, generator, pick, poisson
from churn.simulation.storage import read_manifest, staged_folder, write_manifest
from churn.simulation.timeline import build_calendar
from tests.unit.simulation.companies import settings_of


class TestRandomness:
    def test_streams_of_purposes_and_blocks_are_apart_and_repeatable(self) -> None:
        draws = {
            (purpose, block): tuple(generator(7, purpose, block).random(3)) for purpose in Purpose for block in (0, 1)
        }
        assert len(set(draws.values())) == len(draws)
        assert tuple(generator(7, Purpose.TRUTH, 1).random(3)) == draws[Purpose.TRUTH, 1]

    @pytest.mark.parametrize("rate", [0.0, 0.01, 0.7, 4.0, 40.0])
    def test_counts_have_the_mean_and_the_variance_of_poissons(self, rate: float) -> None:
        counts = poisson(np.random.default_rng(1), np.full(40_000, rate, np.float32))
        assert counts.mean() == pytest.approx(rate, rel=0.05, abs=0.003)
        assert counts.var() == pytest.approx(rate, rel=0.08, abs=0.003)

    def test_positions_come_with_the_given_shares(self) -> None:
        found = np.bincount(pick(np.random.default_rng(1), [0.2, 0.5, 0.3], 20_000), minlength=3) / 20_000
        assert found == pytest.approx([0.2, 0.5, 0.3], abs=0.015)


class TestArrow:
    def test_ids_keep_leading_zeros(self) -> None:
        assert ids("S", (np.array([7, 12]), 4, "-"), (np.array([1, 2]), 1, "")).to_pylist() == ["S0007-1", "S0012-2"]

    def test_instants_are_whole_seconds_and_null_where_nothing_happened(self) -> None:
        found = instants(date(2024, 1, 1), np.array([0.5, 1e9]), np.array([True, False])).to_pylist()
        assert found[0].isoformat() == "2024-01-01T12:00:00+00:00" and found[1] is None

    def test_a_fact_is_known_at_the_end_of_its_quarter_of_an_hour(self) -> None:
        quarter = 15 * 60 * 1_000_000
        assert next_batch(np.array([0, quarter - 1, quarter])).tolist() == [quarter, quarter, 2 * quarter]


class TestCalendar:
    def test_it_is_the_same_for_the_same_seed_and_reaches_past_the_end(self) -> None:
        settings = settings_of("telecom")
        first, second = build_calendar(settings), build_calendar(settings)
        assert first.incidents == second.incidents
        assert first.at(settings.weeks) + max(settings.truth.horizons_days) / 7 <= first.policy.size
        assert first.incidents != build_calendar(settings_of("telecom", "simulation.seed=8")).incidents

    @pytest.mark.parametrize("profile", ["saas", "telecom", "consumer"])
    def test_seasons_peak_on_their_day(self, profile: str) -> None:
        settings = settings_of(profile)
        calendar = build_calendar(settings)
        year = slice(calendar.at(0), calendar.at(52))
        for season, peak in (
            (calendar.usage_season, settings.calendar.usage_peak_day),
            (calendar.hazard_season, settings.calendar.hazard_peak_day),
        ):
            day = 7 * int(season[year].argmax()) + settings.start_date.timetuple().tm_yday
            assert min(abs(day - peak), 365 - abs(day - peak)) <= 7

    def test_a_launch_of_a_competitor_courts_customers_for_six_weeks(self) -> None:
        settings = settings_of("consumer")
        calendar = build_calendar(settings)
        launch = next(i for i in calendar.incidents if i.kind == "competitor_launch" and i.week >= 0)
        week = calendar.at(launch.week)
        assert (calendar.courting[week : week + 6] > 1.5).all()


class TestFolders:
    def test_one_that_is_finished_takes_the_place_of_the_former(self, tmp_path: Path) -> None:
        for number in (1, 2):
            with staged_folder(tmp_path / "raw") as folder:
                (folder / str(number)).touch()
                write_manifest(folder, {"number": number})
        assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["2", "manifest.json"]
        assert read_manifest(tmp_path / "raw")["number"] == 2
        assert [path.name for path in tmp_path.iterdir()] == ["raw"]

    def test_one_that_fails_changes_nothing(self, tmp_path: Path) -> None:
        with staged_folder(tmp_path / "raw") as folder:
            write_manifest(folder, {"number": 1})
        with pytest.raises(ZeroDivisionError), staged_folder(tmp_path / "raw"):
            raise ZeroDivisionError
        assert read_manifest(tmp_path / "raw")["number"] == 1
        assert [path.name for path in tmp_path.iterdir()] == ["raw"]

    def test_one_in_use_is_refused_and_a_left_over_one_is_swept(self, tmp_path: Path) -> None:
        (tmp_path / ".raw.partial" / "events").mkdir(parents=True)
        with staged_folder(tmp_path / "raw") as folder:
            assert not list(folder.iterdir())
            with pytest.raises(RunLocked), staged_folder(tmp_path / "raw"):
                pass
            write_manifest(folder, {})

    def test_a_file_in_its_place_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "raw").write_text("mine")
        with pytest.raises(OutputFailed), staged_folder(tmp_path / "raw"):
            pass
        assert (tmp_path / "raw").read_text() == "mine"
        assert read_manifest(tmp_path / "nowhere") == {}
