"""A rule package for the tests of the command line: a stranger's plug-in in small."""
