"""Predictions for a person, and how good they are."""
