"""A sweep for a person: as a table, and as a figure."""
