"""How many calls a change costs, read from the simulators' logs and from the meter before the state."""

from collections import Counter
from dataclasses import dataclass, field

from tests.flows.meter import Meter
from tests.flows.office import Office, Row

TIMERS = {"GET waiting", "GET watermarks"}  # the timer strikes each minute, whatever is being counted
ODATA = "/sap/opu/odata/sap/"


@dataclass
class Cost:
    """Calls by kind: `dynamics` {'GET accounts': 1}, `sap` {'$batch GET PATCH GET': 1}, `state` {'GET links': 2}.

    A batch is one call. SAP's token for writing (HEAD) is fetched once a worker and service, and does not count.
    """

    dynamics: Counter[str] = field(default_factory=Counter)
    sap: Counter[str] = field(default_factory=Counter)
    state: Counter[str] = field(default_factory=Counter)


def reset(office: Office, meter: Meter) -> None:
    """Begin to count: wait until nothing is under way or to come, and forget what was."""
    office.quiet(also_later=True)
    office.crm("log", method="DELETE")
    office.erp("log", method="DELETE")
    meter.take()


def counted(office: Office, meter: Meter) -> Cost:
    """Return what was asked since `reset`."""
    crm: list[Row] = office.crm("log", method="GET")
    erp: list[Row] = office.erp("log", method="GET")
    return Cost(
        dynamics=Counter(f"{each['method']} {each['path'].partition('(')[0]}" for each in crm if not each.get("part")),
        sap=Counter(_asked(each) for each in erp if each["method"] != "HEAD"),
        # a month's table without its month
        state=Counter(each.rstrip("0123456789") for each in meter.take() if each not in TIMERS),
    )


def _asked(call: Row) -> str:
    if call["path"].endswith("/$batch"):
        return " ".join(["$batch", *(part["method"] for part in call.get("parts", ()))])
    return f"{call['method']} {call['path'].removeprefix(ODATA).partition('/')[2].partition('(')[0]}"
