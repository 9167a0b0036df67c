"""What to measure: a case, a suite of cases, the plan of a run."""
