"""The Gaussian marginal of equations that are linear in what nobody observed: its density, gradient and conditionals."""
