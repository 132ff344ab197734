"""The outcome's mean in a world, averaged over mediators and rows: closed forms where they hold, grids elsewhere."""
