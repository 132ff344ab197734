"""Words: files and texts become a `Theory`, and back."""
