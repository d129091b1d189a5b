"""The weekly health report as people and programs get it; the timer has written it at its first strike."""

import re

import httpx

from dev.cloud import HOST_KEY
from tests.flows.office import Office


def ask(office: Office, week: str = "", **headers: str) -> httpx.Response:
    url = f"{office.cloud.api}/ops/report{f'/{week}' if week else ''}"
    return office.http.get(url, headers={"x-functions-key": HOST_KEY, **headers})


def test_the_latest_report_is_a_page_that_asks_for_nothing_else(office: Office) -> None:
    answer = office.until(
        lambda: (got := ask(office, accept="text/html")).is_success and got, "the timer wrote a report"
    )
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert re.search(r"<h1>Integration health, week \d{4}-W\d\d</h1>", answer.text)
    assert "s4/account" in answer.text


def test_a_program_gets_json_of_the_same_week(office: Office) -> None:
    answer = office.until(lambda: (got := ask(office, accept="application/json")).is_success and got, "a report")
    report = answer.json()
    assert [one["name"] for one in report["flows"]] == ["s4/account", "s4/order"]
    assert report["flows"][0]["swept"]
    again = ask(office, report["week"], accept="application/json")
    assert again.json() == report


def test_a_week_without_a_report_is_a_404_that_says_which_there_are(office: Office) -> None:
    week = office.until(lambda: ask(office, accept="application/json").json().get("week"), "a report")
    answer = ask(office, "1999-W01")
    assert (answer.status_code, week in answer.json()["message"]) == (404, True)


def test_a_stranger_sees_no_report(office: Office) -> None:
    assert office.http.get(f"{office.cloud.api}/ops/report").status_code == 401
