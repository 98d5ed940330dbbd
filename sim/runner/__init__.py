"""One run in its own process, from scenario to published directory; many runs side by side."""
