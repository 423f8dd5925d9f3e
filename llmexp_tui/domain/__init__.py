"""The nouns of the product as frozen dataclasses. Standard library only."""
