"""Who carries which order when: controllers that see a `FreightWorld` and nothing else."""
