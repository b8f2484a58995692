"""The command line: every command opens the workspace, asks a service, and prints what came of it."""
