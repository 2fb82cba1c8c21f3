"""Rules about code that uses torch."""
