"""Demand-responsive shuttles: a pure planning core and the controllers that use it."""
