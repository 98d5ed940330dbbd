"""Who decides: one package for each kind of service, a pure planning core and a thin adapter to the World."""
