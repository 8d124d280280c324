"""The token service without its sockets: keys, clients, grants, what was revoked."""
