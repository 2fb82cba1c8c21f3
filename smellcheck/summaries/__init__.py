"""What modules say of themselves, as plain data: made from their text alone, kept by its content."""
