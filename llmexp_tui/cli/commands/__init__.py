"""One command, or one family of commands, a file. Each imports its workflow when it is called, not before."""
