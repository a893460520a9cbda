from __future__ import annotations

import json

import pytest

from churn.core.settings import ChurnSettings
from churn.integrations.provenance import describe_settings
from tests.pipelines.demo import IGNORED

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def test_a_password_in_the_address_is_not_kept_with_the_configuration(settings: ChurnSettings) -> None:
    secret = settings.tracking.model_copy(update={"uri": "postgresql://churn:canary-4711@host/mlflow"})
    content = describe_settings(settings.model_copy(update={"tracking": secret}))
    assert content["tracking"]["uri"] == "postgresql://churn:***@host/mlflow"
    assert "canary-4711" not in json.dumps(content)
