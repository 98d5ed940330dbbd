"""The planning core for dial-a-ride services: exact insertion and large-neighbourhood search on plain arrays."""
