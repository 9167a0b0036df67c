"""An analysis for a person: costs, training, capacity, conventions, formulas, diagrams."""
