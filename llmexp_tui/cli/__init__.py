"""The headless face: a thin command line over the workflows. It holds no rule of the product itself."""
