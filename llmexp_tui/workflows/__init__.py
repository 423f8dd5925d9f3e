"""One verb a file: what the command line, the app and the worker do, over the same engine and store."""
