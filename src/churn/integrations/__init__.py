"""The edges: disk, databases, MLflow, spreadsheets and process locks."""
