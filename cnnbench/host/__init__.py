"""The computer: its hardware, ceilings and environment, and earlier measurements of it."""
