"""What holds for every test, and how tests are shared out to processes."""

import os
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# No test speaks to the world: without this, every httpx client would read its whole list of authorities, 25 ms each.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# Folders whose files share a server that lives as long as its process: a local cloud, a table store.
TOGETHER = ("tests/flows/", "tests/contract/state/")
# What takes longest begins first, so that no process is left alone with it at the end.
LONG = (
    "tests/flows/",
    "tests/bulk/",
    "tests/contract/host/",
    "tests/contract/servicebus/",
    "tests/contract/",
    "tests/sim/",
)


class FileByFile(LoadScopeScheduling):
    """Gives a file to one process, which starts the file's servers once."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileByFile:
    config.option.loadscopereorder = False  # would begin with the files of the most tests, which are the quickest
    return FileByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, place in enumerate(LONG) if item.nodeid.startswith(place)), len(LONG)))
