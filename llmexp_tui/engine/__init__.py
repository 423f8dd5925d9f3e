"""Turns a plan into cells, calls what the store does not have, and writes what comes back."""
