"""Registered versions: storing a bundle, and finding one by alias or number."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from churn.core.errors import DependencyDown, first_line
from churn.core.settings import ChurnSettings
from churn.integrations.bundles import read_bundle, write_bundle
from churn.integrations.mlflow_store import connect, store_errors
from churn.modeling.bundle import Bundle

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models.model import ModelInfo

CHAMPION, CHALLENGER = "champion", "challenger"
CHECKSUM_TAG = "bundle.sha256"
GATE_TAG = "gate"
ABOUT = (
    "`{name}`, one version per training run. `champion` is the one that `churn score` uses; a version's description is "
    "its model card, its tags say what the gate found."
)
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the name or version is not; the alias is not
DESCRIPTION_LIMIT = 5000  # characters that the registry keeps


@dataclass(frozen=True)
class RegisteredModel:
    """A loaded version: its bundle, number and the run that trained it."""

    bundle: Bundle
    name: str
    version: str
    run_id: str


def model_name(settings: ChurnSettings) -> str:
    """Return the registered name of a source's models."""
    return f"churn-{settings.source.name}"


def register_bundle(bundle: Bundle, settings: ChurnSettings, run_id: str, example: pd.DataFrame) -> str:
    """Log a bundle as a model of the open run with signature and pinned requirements, and register it.

    Returns
    -------
    str
        The version number.
    """
    import mlflow

    with store_errors(settings.tracking):
        info, checksum = _log_bundle(bundle, example)
        tags = {CHECKSUM_TAG: checksum, "model": bundle.model_name}
        client, name = mlflow.MlflowClient(), model_name(settings)
        _ensure_name(client, name)
        made = client.create_model_version(name, info.model_uri, run_id, tags=tags, model_id=info.model_id)
    return str(made.version)


def _log_bundle(bundle: Bundle, example: pd.DataFrame) -> tuple[ModelInfo, str]:
    """Log the bundle as a model of the open run; return what MLflow knows of it, and its checksum."""
    import mlflow
    from mlflow.models import infer_signature

    code = Path(__file__).with_name("pyfunc_model.py")
    pins = [f"{package}=={installed(package)}" for package in ("scikit-learn", "lightgbm", "pandas", "skops", "numpy")]
    features = bundle.select(example).head(5)
    singles = features.select_dtypes("float32").columns  # read so to save memory; callers may give any number
    features = features.astype(dict.fromkeys(singles, "float64"))
    signature = infer_signature(features, pd.Series([0.5] * len(features), name="churn_probability"))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it asks for an input example: customers do not go into MLflow
        checksum = write_bundle(bundle, Path(folder) / "bundle")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(code),
            artifacts={"bundle": str(Path(folder) / "bundle")},
            model_config={"checksum": checksum},
            signature=signature,
            pip_requirements=pins,
        )
    return info, checksum


def _ensure_name(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=ABOUT.format(name=name))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def describe_version(settings: ChurnSettings, version: str, card: str) -> None:
    """Make the card the description of a version; one too long for the registry ends with where the rest is."""
    client, _ = connect(settings)
    rest = "\n\n(the rest: model_card.md of its run)"
    text = card if len(card) <= DESCRIPTION_LIMIT else card[: DESCRIPTION_LIMIT - len(rest)] + rest
    with store_errors(settings.tracking):
        client.update_model_version(model_name(settings), version, text)


def load_model(settings: ChurnSettings, wanted: str) -> RegisteredModel:
    """Return a registered version by alias (`champion`, `challenger`), `latest`, or number.

    Raises
    ------
    DependencyDown
        When there is no such version (the versions there are get listed), or its files are damaged.
    """
    import mlflow

    client, _ = connect(settings)
    name = model_name(settings)
    with store_errors(settings.tracking), tempfile.TemporaryDirectory() as folder:
        found = require_version(client, name, wanted)
        checksum = found.tags.get(CHECKSUM_TAG, "")
        try:
            path = mlflow.artifacts.download_artifacts(f"models:/{name}/{found.version}", dst_path=folder)
            bundle = read_bundle(Path(path) / "artifacts" / "bundle", checksum)
        except DependencyDown as error:
            raise DependencyDown(f"{name} version {found.version}: {error}") from error
        except Exception as error:
            raise DependencyDown(
                f"{name} version {found.version} cannot be fetched: {first_line(error)}. "
                f"{describe_versions(client, name)}"
            ) from error
    return RegisteredModel(bundle, name, str(found.version), str(found.run_id))


def require_version(client: MlflowClient, name: str, wanted: str) -> ModelVersion:
    """Return a version by alias, `latest` or number.

    Raises
    ------
    DependencyDown
        When there is no such version; those there are get listed.
    """
    found = find_version(client, name, wanted)
    if found is None:
        raise DependencyDown(f"{name} has no version '{wanted}'. {describe_versions(client, name)}")
    return found


def find_version(client: MlflowClient, name: str, wanted: str) -> ModelVersion | None:
    """Return a version by alias (`champion`, `challenger`), `latest` or number, or None."""
    versions = _versions(client, name)
    if wanted in (CHAMPION, CHALLENGER):
        return aliased(client, name, wanted)
    if wanted == "latest":
        return versions[-1] if versions else None
    return next((v for v in versions if str(v.version) == wanted), None)


def aliased(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """Return the version an alias points at, or None where it points at none.

    A store that does not answer raises: taken for "there is no champion", it would cost the champion its place.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code not in NOT_THERE:
            raise
        return None


def _versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda v: int(v.version))


def describe_versions(client: MlflowClient, name: str) -> str:
    """Return which versions there are and how to use one, in words."""
    versions = _versions(client, name)
    if not versions:
        return "Nothing is registered yet: run 'churn train' with the same overrides first"
    listed = ", ".join(f"{v.version} (gate {v.tags.get(GATE_TAG, 'unknown')})" for v in versions[-5:])
    return f"Versions there are: {listed}. To use one: churn promote VERSION, with the same overrides"
