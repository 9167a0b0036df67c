"""What the machine can do, for a person: its health, and rooflines."""
