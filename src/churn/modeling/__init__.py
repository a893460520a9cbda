"""Estimators, calibration and the fitted bundle."""
