"""What holds for every test."""

import os
from pathlib import Path

# No test speaks to the world: without this, every httpx client would read its whole list of authorities, 25 ms each.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)
