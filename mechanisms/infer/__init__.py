"""How plausible each parameter value is: engines, sampling, diagnostics, simulation."""
