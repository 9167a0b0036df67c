"""Judged claims for a person: verdicts, arguments, figures, the page."""
