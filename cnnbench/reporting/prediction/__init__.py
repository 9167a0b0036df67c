"""Predictions for a person."""
