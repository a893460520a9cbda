from __future__ import annotations

import pytest

from churn.core.errors import DependencyDown
from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import connect
from churn.integrations.training_runs import PREDICTIONS, read_predictions
from tests.pipelines.demo import IGNORED

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def test_damaged_predictions_are_named_with_their_run(settings: ChurnSettings) -> None:
    client, experiment = connect(settings)
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "PAR1 but no more", PREDICTIONS)
    with pytest.raises(DependencyDown, match=f"{PREDICTIONS} of run {run_id} is damaged"):
        read_predictions(settings, run_id)
