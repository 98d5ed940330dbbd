"""Survey tables, the built road network, its edge graph, checks and map."""
