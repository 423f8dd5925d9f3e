"""Posts what reports made to the forge that the gate runs on. It judges nothing, and a forge's refusal fails no gate."""
