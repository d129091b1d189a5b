"""The settings as people meet them: the README's table, and local.settings.sample.json, from shared/settings.py.

`python -m dev.settings_table` prints the table, `--sample` the file, `--write` brings both up to date.
tests/unit/test_settings_table.py keeps all three together.
"""

import argparse
import base64
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Settings

# What the Functions host itself reads; `ServiceBus` and `Tables` are ours as well, and in the model.
LOCAL_BUS = (
    "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;"
    "UseDevelopmentEmulator=true;"
)
# `Ingress` is where the queue dataverse-events lives; the namespace of ServiceBus unless Dataverse posts with SAS.
HOST = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "Ingress": LOCAL_BUS,
}
# What a first start needs and no default can know: a local emulator each, and made-up systems.
PLACEHOLDERS = {
    "ServiceBus": LOCAL_BUS,
    "Tables": "UseDevelopmentStorage=true",
    "DIGEST_KEYS": f"k1:{base64.b64encode(b'replace me by 32 random bytes').decode('ascii')}",
    "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "DATAVERSE_TOKEN_URL": "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/v2.0/token",
    "DATAVERSE_CLIENT_ID": "00000000-0000-0000-0000-000000000000",
    "DATAVERSE_CLIENT_SECRET": "secret-of-the-application",
    "DATAVERSE_WEBHOOK_SECRETS": "a-long-random-text",
    "S4_URL": "https://s4.contoso.example:44300",
    "S4_USER": "DYNAMICS_SYNC",
    "S4_PASSWORD": "password-of-the-user",
    "S4_EVENT_SECRETS": "another-long-random-text",
    "S4_EVENT_ORIGINS": "eventmesh.contoso.example",
    "OPS_KEYS": "admin:replace-me-by-a-random-text",
}
ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- settings -->)\n.*?(<!-- /settings -->)", re.DOTALL)
BY_IDENTITY = ("ServiceBus__fullyQualifiedNamespace", "Tables__tableServiceUri")  # instead of a connection string


def settings() -> Iterator[tuple[str, FieldInfo]]:
    """Yield each setting's name and field, in the order of the model. Raises ValueError for one without a text."""
    for name, field in Settings.model_fields.items():
        if not field.alias or not field.description:
            raise ValueError(f"Settings.{name} needs an alias and a description")
        yield field.alias, field


def default(field: FieldInfo) -> str:
    """Return a setting's default as it would stand in the environment: frozenset({'s4'}) is 's4', True is 'true'."""
    value: Any = field.get_default(call_default_factory=True)
    match value:
        case SecretStr():
            return str(value.get_secret_value())
        case frozenset():
            return ",".join(sorted(value))
        case bool() | dict():
            return json.dumps(value) if value != {} else ""
        case _:
            return str(value)


def table() -> str:
    """Return the README's table: name, default, what it does."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in settings():
        shown = f"`{text}`" if (text := default(field)) else ""
        description = str(field.description).replace("|", "\\|")
        lines.append(f"| `{name}` | {shown} | {description} |")
    return "\n".join(lines)


def sample() -> str:
    """Return local.settings.sample.json: every setting, and what a first start needs filled in."""
    ours = {name: PLACEHOLDERS.get(name, default(field)) for name, field in settings() if name not in BY_IDENTITY}
    return json.dumps({"IsEncrypted": False, "Values": {**HOST, **ours}}, indent=2) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m dev.settings_table", description=__doc__)
    parser.add_argument("--sample", action="store_true", help="print local.settings.sample.json instead of the table")
    parser.add_argument("--write", action="store_true", help="write the table into README.md, and the sample file")
    asked = parser.parse_args(arguments)
    if asked.write:
        readme = ROOT / "README.md"
        readme.write_text(
            MARKED.sub(lambda marks: f"{marks[1]}\n{table()}\n{marks[2]}", readme.read_text("utf-8")), "utf-8"
        )
        (ROOT / "local.settings.sample.json").write_text(sample(), "utf-8")
        return 0
    sys.stdout.write(sample() if asked.sample else f"{table()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
