"""What screens ask of the store and the workflows, one noun a file. Called in threads; no Textual here."""
