"""The pictures of freight in a report: bays, stock, what vehicles do, energy, finished cars, hazards."""
