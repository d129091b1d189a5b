"""Stands in for Entra ID on a developer's machine: `python -m dev.identity --name ann --role Sync.Operator`.

Prints a token for `Authorization: Bearer …`, signed with the setting DEV_IDENTITY. An app in Azure refuses to start
with that setting, so such a token opens nothing there.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import time

from dev.cloud import DEV_IDENTITY

ROLES = ("Sync.Reader", "Sync.Operator", "Sync.Admin")


def token(
    name: str, roles: list[str], key: str = DEV_IDENTITY, *, seconds: int = 3600, now: float | None = None
) -> str:
    """Return a token for `seconds` from `now` (a Unix time; None: this moment)."""
    ends = int(time.time() if now is None else now) + seconds
    body = base64.b64encode(json.dumps({"name": name, "roles": roles, "exp": ends}).encode()).decode()
    return f"{body}.{hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest()}"


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m dev.identity", description=__doc__)
    parser.add_argument("--name", default="developer@local", help="who that is, as journals will have it")
    parser.add_argument("--role", action="append", choices=ROLES, help="default: Sync.Reader; may be repeated")
    parser.add_argument("--seconds", type=int, default=3600, help="how long it is good")
    asked = parser.parse_args()
    key = os.environ.get("DEV_IDENTITY", DEV_IDENTITY)
    print(token(asked.name, asked.role or ["Sync.Reader"], key, seconds=asked.seconds))


if __name__ == "__main__":
    main()
