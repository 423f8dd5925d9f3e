"""The terminal app. It reads the store and queues runs; it never calls a model and imports no provider library."""
