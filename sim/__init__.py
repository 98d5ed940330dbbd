"""A proving ground for demand-responsive shuttles and autonomous logistics around Bitgreen (빛그린)."""
