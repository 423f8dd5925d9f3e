"""Parts that several screens share. They draw what a view-model says and decide nothing."""
