"""Effects in theories with levels: the system of equations run forward over occasions, in two versions."""
