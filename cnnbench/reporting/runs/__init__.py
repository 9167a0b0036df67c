"""Stored runs for a person: the page of a run, comparisons, exports."""
