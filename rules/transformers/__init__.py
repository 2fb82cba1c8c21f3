"""Rules about code that uses transformers."""
