"""The command line: `parley`."""
