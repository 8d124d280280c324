"""Requests that an app signs, for tests that need a caller with credentials."""

import secrets
import time

from verus_gateway.apps import signature
from verus_gateway.config import AppConfig, Secret

KEY = "an app key made up for tests"
APP = AppConfig(app_key=Secret(KEY), scopes=("public", "read"))


def signed(body: bytes, id: str = "wallet", key: str = KEY) -> dict[str, str]:
    """Return the headers with which the app *id* sends *body* now."""
    said, salt = str(round(time.time() * 1000)), secrets.token_bytes(32)
    return {
        "X-App-ID": id,
        "X-Timestamp": said,
        "X-VRPC-API-Version": "2",
        "X-Salt": salt.hex(),
        "X-Auth-Token": signature(said, key, body, id, salt).hex(),
    }
