"""Units: rows and unknown quantities that hang together, the unknown integrated out of their normal residuals."""
