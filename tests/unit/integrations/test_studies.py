from __future__ import annotations

from pathlib import Path

import pytest

from churn.core.errors import DependencyDown
from churn.core.tuning import TuneSettings
from churn.integrations.studies import DATABASE, open_study
from pipelines.composition import compose


@pytest.mark.parametrize("kind", ["folder", "text"])
def test_a_file_of_studies_that_cannot_be_read_says_what_to_do(kind: str, tmp_path: Path) -> None:
    settings = compose("tune", TuneSettings, [f"paths.models={tmp_path}"])
    file = tmp_path / DATABASE
    file.mkdir() if kind == "folder" else file.write_text("this is no database" * 100)
    with pytest.raises(DependencyDown, match="move it away"), open_study(settings, settings.tuning, "key", {}):
        pass
