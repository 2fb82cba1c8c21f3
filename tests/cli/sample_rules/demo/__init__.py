"""Rules about a framework that does not exist."""
