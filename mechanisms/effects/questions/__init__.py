"""From a question to worlds: which arrows carry which change, over whom, looked at how."""
