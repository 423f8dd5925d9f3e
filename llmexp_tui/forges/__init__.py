"""Posts what reports made to the forge that runs the gate. It judges nothing; a refusal to take it fails no gate."""
