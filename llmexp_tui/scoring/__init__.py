"""Scorers: one family a file; `base` is the way in."""
