"""Blocks in which unknown quantities are multiplied: residuals as steps on a tape, the rest integrated out."""
