"""The report of an experiment: many runs of a design, their differences, and pictures that fit the design."""
