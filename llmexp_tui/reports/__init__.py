"""Faces of a result: files and texts made from the same numbers and the same sentences."""
