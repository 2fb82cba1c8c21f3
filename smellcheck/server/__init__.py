"""The language server: what the command line says of a saved file, said of a buffer while it is typed."""
