"""One module per engine; each takes a block of equations and returns draws of its parameters."""
