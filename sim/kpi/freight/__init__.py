"""The KPIs of freight: a book for each part of it, and the one that keeps them all."""
