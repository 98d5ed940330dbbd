"""Runs over HTTP: their rows, their processes, their routes."""
