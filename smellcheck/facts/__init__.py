"""What a file can be asked: one question a module, each answered on first use, `None` when not sure."""
