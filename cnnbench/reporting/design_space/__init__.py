"""A sweep as a table and as a figure."""
