"""Rules about code that uses sentence_transformers."""
