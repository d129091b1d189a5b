"""Timers that write down each run, one JSON line each, in the file of setting `JOURNAL`."""

import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


def note(**fields: object) -> None:
    line = json.dumps({"at": time.time(), "pid": os.getpid(), **fields})
    with Path(os.environ["JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(line + "\n")


@app.timer_trigger(schedule="%OFTEN%", arg_name="timer")
def often(timer: func.TimerRequest) -> None:
    note(event="began", function="often", status=timer.schedule_status)
    time.sleep(1.3)
    note(event="ended", function="often")


@app.timer_trigger(schedule="0 0 0 1 jan *", arg_name="timer")
async def yearly(timer: func.TimerRequest) -> None:
    note(event="ran", function="yearly", past_due=timer.past_due, status=timer.schedule_status, schedule=timer.schedule)


@app.timer_trigger(schedule="365.00:00:00", arg_name="timer", run_on_startup=True)
async def at_start(timer: func.TimerRequest) -> None:
    note(event="ran", function="at_start", past_due=timer.past_due, schedule=timer.schedule)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", use_monitor=False)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
async def retried(timer: func.TimerRequest, context: func.Context) -> None:
    retry = context.retry_context
    counts = {"retries": retry.retry_count, "most": retry.max_retry_count}
    note(event="tried", function="retried", past_due=timer.past_due, **counts)
    raise ValueError("as wanted")
