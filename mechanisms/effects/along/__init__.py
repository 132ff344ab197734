"""Effects along a variable: of a moderator, and of the exposure itself."""
