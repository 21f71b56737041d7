"""Rows and states that anybody may have written, seen in the app: shown or passed over, never its end."""

import json

from app_pilot import drive, finished_run, metrics_row, screen_text, until_seen

NUMBERS = ["1e300", "NaN", "Infinity", "1" + "0" * 400, "-1e300", "9" * 19, "-5", "1e-300", "0"]
OTHERS = ["true", "null", '"x"', "[]", "[1e400]", '{"process": Infinity, "machine": NaN}']
METRICS = {**metrics_row(41), "loss_bins": [1.0, 2.0], "held_out_loss": 1.0, "skipped": 1}
EVENT = {"time": 1.0, "kind": "note", "step": 1, "message": "words"}
STATUS = {"state": "running", "step": 1, "steps": 2, "images_seen": 3, "heartbeat": 1.0, "parameters": 4}


def with_value(usual, field, value):
    return json.dumps({**usual, field: "VALUE"}).replace('"VALUE"', value) + "\n"


def strange_rows(usual, first_step):
    """Each field in turn, once with each strange value."""
    step = first_step
    for field in usual:
        for value in NUMBERS + OTHERS:
            step += 1
            yield with_value({**usual, "step": step}, field, value)


def test_a_monitor_shows_a_run_with_strange_rows(home):
    run = finished_run(home)
    with run.metrics_path.open("a") as metrics:
        metrics.writelines([*strange_rows(METRICS, 41), json.dumps({**METRICS, "step": 10_000}) + "\n"])
    with run.events_path.open("a") as events:
        events.writelines([*strange_rows(EVENT, 1), json.dumps({**EVENT, "message": "the end"}) + "\n"])

    async def script(pilot, app):
        await until_seen(pilot, "the end")
        await pilot.press("x", "x", "y", "y", "y", "l", "left", "left", "right")
        await pilot.pause()
        assert "loss" in screen_text(pilot)

    drive(home, script, size=(120, 40), show=run)


def test_runs_whose_last_word_is_strange_are_listed_opened_and_compared(home):
    for index, value in enumerate(NUMBERS):
        run = finished_run(home, f"run-{index}", steps=4, kept=())
        with run.metrics_path.open("a") as metrics:
            row = dict.fromkeys(METRICS, "VALUE") | {"step": 6}
            metrics.write(json.dumps(row).replace('"VALUE"', value) + "\n")
        run.status_path.write_text(
            json.dumps(dict.fromkeys(STATUS, "VALUE") | {"state": "running"}).replace('"VALUE"', value)
        )

    async def script(pilot, app):
        await until_seen(pilot, f"run-{len(NUMBERS) - 1}")
        for _ in range(4):
            await pilot.press("enter")
            await until_seen(pilot, "images/s")
            await pilot.press("escape")
            await until_seen(pilot, "run-0")
            await pilot.press("space", "down")
        await pilot.press("C")
        await until_seen(pilot, "› Compare")
        await pilot.press("x", "y", "l")
        await until_seen(pilot, "gradient norm")

    drive(home, script, size=(120, 40))
