"""What a project folder holds: its file, prompts and datasets, read strictly and never written to unasked."""
