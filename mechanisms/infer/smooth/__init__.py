"""Smooth densities of a few parameters: modes, curvature, and importance sampling around them."""
