"""Theory + Question → Identified: names only. What a theory stands for, implies, and can identify."""
