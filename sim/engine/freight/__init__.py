"""Freight in a run: vehicles that carry orders, sites with their bays, lorries from outside, finished cars."""
