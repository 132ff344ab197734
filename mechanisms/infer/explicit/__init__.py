"""The explicit PyMC model as machine code that takes its data as arguments."""
