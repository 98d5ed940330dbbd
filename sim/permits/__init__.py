"""Permits: what they allow, compiled for the engine, and the independent monitor that watches whether it is kept."""
