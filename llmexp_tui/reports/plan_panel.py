"""A plan as text: what it would cost and what it could show, before any money is spent."""
