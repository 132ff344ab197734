"""What each path carries: effects as differences between worlds of the fitted equations."""
