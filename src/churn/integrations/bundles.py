"""Bundles on disk and in MLflow: skops and JSON, never pickle; checksums are verified before anything is parsed."""

from __future__ import annotations

import io
import json
import re
import zipfile
from itertools import count
from pathlib import Path
from typing import Any

from churn.core.errors import DependencyDown, first_line
from churn.features.catalog import Catalog
from churn.integrations.store import sha256_of, write_json
from churn.modeling.bundle import Bundle
from churn.modeling.calibration import Calibrator

MODEL_FILE = "model.skops"
BUNDLE_FILE = "bundle.json"
OBJECT_ID = re.compile(r'(?<="__id__": )\d+|(?<=")\d+(?=\.[a-z]+")')
TRUSTED = [
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "churn.modeling.blend.Blend",
    "churn.modeling.competing.CompetingCauses",
    "churn.modeling.encoding.PlainNumbers",
    "churn.modeling.encoding.ScaledNumbers",
    "churn.modeling.tone.TextTone",
    "churn.modeling.topics.TextTopics",
    "churn.modeling.hazard.TimeToChurn",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "numpy.dtype",
]


def write_bundle(bundle: Bundle, folder: Path) -> str:
    """Write a bundle into a folder and return the checksum that its reader must present."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(_skops_bytes(bundle.pipeline))
    content = {
        "calibrator": bundle.calibrator.to_dict(),
        "catalog": bundle.catalog.to_rows(),
        "feature_fingerprint": bundle.catalog.fingerprint(),
        "model_name": bundle.model_name,
        "problem": bundle.problem,
        "base_rate": bundle.base_rate,
        "typical": bundle.typical,
        "last_fit_date": bundle.last_fit_date,
        "alike": bundle.alike,
        "model_sha256": sha256_of(folder / MODEL_FILE),
    }
    write_json(folder / BUNDLE_FILE, content)
    return sha256_of(folder / BUNDLE_FILE)


def _skops_bytes(pipeline: Any) -> bytes:
    """Return the skops file of a pipeline, with equal bytes for equal models.

    skops names objects by their address in memory and dates its files: addresses become numbers in order, dates fixed.
    """
    import skops.io as skops

    names: dict[str, str] = {}
    numbers = count(1)

    def numbered(found: re.Match[str]) -> str:
        return names.setdefault(found[0], str(next(numbers)))

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(skops.dumps(pipeline))) as former, zipfile.ZipFile(out, "w") as stable:
        schema = OBJECT_ID.sub(numbered, former.read("schema.json").decode())
        parts = {name: former.read(name) for name in former.namelist() if name != "schema.json"}
        renamed = {OBJECT_ID.sub(numbered, f'"{name}"').strip('"'): content for name, content in parts.items()}
        for name in sorted(renamed):
            stable.writestr(zipfile.ZipInfo(name), renamed[name])
        stable.writestr(zipfile.ZipInfo("schema.json"), schema)
    return out.getvalue()


def read_bundle(folder: Path, checksum: str) -> Bundle:
    """Return the bundle of a folder.

    Raises
    ------
    DependencyDown
        When a file is missing, or is not the one that was registered. A damaged LightGBM text would take the whole
        process down, so nothing is parsed before its checksum is right.
    """
    _verify(folder / BUNDLE_FILE, checksum)
    content: dict[str, Any] = json.loads((folder / BUNDLE_FILE).read_text(encoding="utf-8"))
    _verify(folder / MODEL_FILE, content["model_sha256"])
    import skops.io as skops

    try:
        pipeline = skops.load(folder / MODEL_FILE, trusted=TRUSTED)
    except Exception as error:
        raise DependencyDown(
            f"the model file holds types we do not trust or this version cannot read: {first_line(error)}; "
            "train again, or roll back to a former version"
        ) from error
    return Bundle(
        pipeline=pipeline,
        calibrator=Calibrator.from_dict(content["calibrator"]),
        catalog=Catalog.from_rows(content["catalog"]),
        model_name=content["model_name"],
        problem=content["problem"],
        base_rate=content["base_rate"],
        typical=content["typical"],
        last_fit_date=content["last_fit_date"],
        alike=content.get("alike", []),  # not in versions registered before it
    )


def _verify(path: Path, checksum: str) -> None:
    if not path.is_file():
        raise DependencyDown(f"the registered model has no file {path.name}; train again, or roll back")
    found = sha256_of(path)
    if found != checksum:
        raise DependencyDown(
            f"{path.name} is not the file that was registered (checksum {found[:12]}, registered {checksum[:12]}): "
            "it was cut short or changed; train again, or roll back to a former version"
        )
