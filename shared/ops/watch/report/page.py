"""A report as one page of HTML and as JSON. Pure. The page needs nothing else: no script, no font, no other address.

Everything that is not ours is escaped. The page is readable on a phone, where each row of a table becomes a card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from html import escape
from typing import Any

from shared.ops.watch.report.attention import attention
from shared.ops.watch.report.collect import FlowHealth, Report

ADDRESS = "/api/ops/report"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}
COLUMNS = ("flow", "linked", "parked", "waiting", "last sweep", "last reconcile")
STYLE = """
:root{color-scheme:light dark;--line:#d5d9e0;--soft:#5a6472;--bad:#a3290f;--good:#1c6b3a;--card:#f6f7f9}
@media(prefers-color-scheme:dark){
:root{--line:#39404a;--soft:#9aa5b4;--bad:#ff9478;--good:#7fd39c;--card:#1d2127}
body{background:#14171b;color:#e6e9ee}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:64rem;padding:1rem}
h1{font-size:1.5rem;margin:.5rem 0 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1.25rem 0 .25rem}
.soft{color:var(--soft)}.bad{color:var(--bad)}.good{color:var(--good)}
ul{padding-left:1.25rem}li{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid var(--line);padding:.4rem .6rem .4rem 0;text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600}td.n{font-variant-numeric:tabular-nums}
nav a{display:inline-block;margin-right:.75rem;padding:.25rem 0}
@media(max-width:40rem){
thead{position:absolute;clip-path:inset(50%)}
tr{background:var(--card);border:1px solid var(--line);border-radius:.5rem;display:block}
tr{margin:.5rem 0;padding:.25rem .75rem}
td{border:0;display:flex;gap:1rem;justify-content:space-between;padding:.15rem 0}
td>span{text-align:right}
td::before{color:var(--soft);content:attr(data-name)}}
"""


def as_json(report: Report, before: Sequence[Report]) -> dict[str, Any]:
    """Return a report with what changed since the one before, and the weeks that can be asked for."""
    last = before[0] if before else None
    told: dict[str, Any] = _plain(asdict(report))
    return told | {
        "attention": attention(report, last),
        "compared_with": last.week if last else None,
        "change": {one.name: _change(one, last) for one in report.flows} if last else {},
        "earlier": [one.week for one in before],
    }


def as_page(report: Report, before: Sequence[Report]) -> str:
    """Return a report as HTML; `before` are the earlier ones, the newest first."""
    last = before[0] if before else None
    compared = f"compared with {escape(last.week)}" if last else "the first report: there is nothing to compare it with"
    rows = "".join(_row(one, last, report.at) for one in report.flows)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Integration health {escape(report.week)}</title><style>{STYLE}</style></head><body>
<h1>Integration health, week {escape(report.week)}</h1>
<p class="soft">Written {_time(report.at)}, version {escape(report.version)}; {compared}.</p>
<h2>Worth a look</h2>
{_list(attention(report, last))}
<h2>Flows</h2>
<table><thead><tr>{"".join(f'<th scope="col">{name}</th>' for name in COLUMNS)}</tr></thead><tbody>
{rows}</tbody></table>
<h2>Why records are parked</h2>
{"".join(_causes(one, report.at) for one in report.flows if one.causes) or '<p class="good">Nothing is parked.</p>'}
{_earlier(before)}
</body></html>
"""


def _list(sentences: Sequence[str]) -> str:
    if not sentences:
        return '<p class="good">Nothing needs attention.</p>'
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in sentences)}</ul>"


def _row(one: FlowHealth, last: Report | None, now: datetime) -> str:
    change = _change(one, last)
    cells = (
        f"<strong>{escape(one.name)}</strong>",
        "not counted" if one.links is None else f"{one.links:,}{_moved(change.get('links'))}",
        f"{one.parked:,}{_moved(change.get('parked'), more_is_bad=True)}",
        f"{one.waiting:,}{_moved(change.get('waiting'), more_is_bad=True)}",
        _ago(one.swept, now),
        _reconciled(one, now),
    )
    named = zip(COLUMNS, cells, strict=True)
    told = (f'<td data-name="{name}" class="n"><span>{cell}</span></td>' for name, cell in named)
    return f"<tr>{''.join(told)}</tr>\n"


def _reconciled(one: FlowHealth, now: datetime) -> str:
    run = one.reconciled
    if run is None:
        return "never"
    counts = ", ".join(f"{escape(kind)} {count:,}" for kind, count in sorted(run.counts.items()))
    return f"{escape(run.state)}, {_ago(run.started, now)}{f'<br><span class=soft>{counts}</span>' if counts else ''}"


def _causes(one: FlowHealth, now: datetime) -> str:
    rows = "".join(
        f'<tr><td data-name="cause"><span>{escape(cause.about)}</span></td>'
        f'<td data-name="fields" class="n"><span>{cause.count:,}</span></td>'
        f'<td data-name="oldest" class="n"><span>{_ago(cause.since, now)}</span></td></tr>\n'
        for cause in one.causes
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("cause", "fields", "oldest"))
    return f"<h3>{escape(one.name)}</h3><table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>\n"


def _earlier(before: Sequence[Report]) -> str:
    if not before:
        return ""
    links = "".join(f'<a href="{ADDRESS}/{escape(one.week)}">{escape(one.week)}</a>' for one in before)
    return f"<h2>Earlier weeks</h2><nav>{links}</nav>"


def _change(one: FlowHealth, last: Report | None) -> Mapping[str, int]:
    """Return how much more there is than in the last report: {'parked': 3}; nothing for a flow that is new."""
    before = next((old for old in last.flows if old.name == one.name), None) if last else None
    if before is None:
        return {}
    change = {"parked": one.parked - before.parked, "waiting": one.waiting - before.waiting}
    if one.links is None or before.links is None:
        return change
    return change | {"links": one.links - before.links}


def _moved(change: int | None, *, more_is_bad: bool = False) -> str:
    if not change:
        return ""
    kind = "soft" if not more_is_bad else "bad" if change > 0 else "good"
    return f' <span class="{kind}">({change:+,})</span>'


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    hours = int((now - at).total_seconds() // 3600)
    said = "just now" if hours < 1 else f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"  # noqa: PLR2004 -- two days
    return f'<time datetime="{at.isoformat()}">{said}</time>'


def _time(at: datetime) -> str:
    return f'<time datetime="{at.isoformat()}">{at:%A %d %B %Y, %H:%M} UTC</time>'


def _plain(thing: Any) -> Any:  # noqa: ANN401 -- what a dataclass holds
    """Return JSON's own kinds: times as text."""
    match thing:
        case dict():
            return {key: _plain(value) for key, value in thing.items()}
        case list() | tuple():
            return [_plain(value) for value in thing]
        case datetime():
            return thing.isoformat()
        case _:
            return thing
