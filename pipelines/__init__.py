"""Thin entry points, one per stage: config, settings, calls, tracking."""
