"""One run: what it names is resolved, SUMO is stepped through one port, facts are observed, commands carried out."""
