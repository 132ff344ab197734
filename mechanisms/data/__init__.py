"""The one door for data: frames and files become a checked `Dataset`."""
