"""What a worker loads before its first invocation: every instance pays for it at each cold start."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LATER = {
    "aiohttp": "a system's first call",
    "azure.core": "the first look at the state",
    "azure.data.tables": "the first look at the state",
    "azure.monitor": "where telemetry leaves by it",
    "azure.identity": "where identity is used at all",
    "azure.servicebus": "the first message that is sent",
    "httpx": "a system's first call",
    "opencensus": "where telemetry leaves by it",
    "opentelemetry": "where telemetry leaves by it",
    "httpx_aiohttp": "a system's first call",
    "shared.mapping.load": "the first invocation",
    "shared.state.tables": "the first invocation",
    "shared.systems": "the first invocation",
    "yaml": "the first invocation, which reads the mappings",
}
LOOK = """
import json, sys
import function_app
names = sorted(f.get_function_name() for f in function_app.app.get_functions())
print(json.dumps({"modules": sorted(sys.modules), "functions": names}))
"""


def loaded() -> dict[str, list[str]]:
    """Import the app in a fresh interpreter without a single setting; return modules and functions."""
    bare = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, env=bare, check=True, capture_output=True, timeout=60)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_importing_the_app_imports_no_sdk_and_reads_no_setting() -> None:
    found = loaded()
    early = {name: when for name, when in LATER.items() if name in found["modules"]}
    assert not early, "imported at the start, though needed only by …"
    assert "changes" in found["functions"]
