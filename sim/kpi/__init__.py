"""KPIs: what they mean, and how they are measured from a run's events alone."""
