"""Side-by-side measurements against peers and limits; each prints JSON: `python -m benchmarks.NAME --json`."""
