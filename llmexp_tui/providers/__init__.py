"""Ways to call a model behind one protocol. What a lane needs is imported when the lane is opened, not before."""
