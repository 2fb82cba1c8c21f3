"""Rules about code that uses sklearn."""
