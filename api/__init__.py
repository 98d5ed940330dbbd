"""The HTTP service: scenario runs are posted, followed and read over HTTP."""
