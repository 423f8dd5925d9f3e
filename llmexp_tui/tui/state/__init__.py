"""View-models: plain Python over domain records, tested without an event loop. Nothing here imports Textual."""
