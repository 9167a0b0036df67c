"""The computer: its hardware, its ceilings, its environment; and what was measured of it before."""
