"""What is asked of a built network, one module a subject."""
