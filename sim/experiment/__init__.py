"""Experiments: scenarios × parameters × seeds, planned, carried out and gathered."""
