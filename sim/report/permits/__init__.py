"""What the permits of runs and variants say: in words, and drawn on the map."""
