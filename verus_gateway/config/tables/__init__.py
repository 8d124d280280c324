"""The tables of the file, each key with its type, unit and default."""
