"""What auto-config makes, in parts; nothing but Python's own library, 3.9 or later."""
