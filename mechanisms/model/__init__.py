"""How a theory becomes equations: plan, families, shapes, priors, and the two interpreters."""
