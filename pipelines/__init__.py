"""Thin entry points, one per stage: config, settings, calls, tracking."""

import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # what MLflow and shap load says in a notebook
