"""One screen a file, its style beside it. Importing this package imports no screen."""
