"""What was measured: stored, read again, joined with the costs, compared, exported."""
