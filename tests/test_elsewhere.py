"""What happens to a run that is not on screen is told once; what had happened before is not."""

from app_pilot import drive, finished_run, screen_text, until, until_seen

from ddpm.runs import Status
from studio.elsewhere import Elsewhere
from studio.run_summaries import RunSummary
from studio.screens.new_run import NewRunScreen


def summary(run, state, step=40):
    return RunSummary(run, state, step, 40, 0.0)


def test_only_an_end_that_was_lived_to_see_is_news(tmp_path):
    run = finished_run(tmp_path)
    for end, told in [
        ("finished", "finished: 40"),
        ("failed", "failed at step 40"),
        ("dead", "no longer trained"),
    ]:
        elsewhere = Elsewhere()
        assert elsewhere.take([summary(run, end)]) == []
        assert elsewhere.take([summary(run, "running")]) == []
        assert elsewhere.take([summary(run, "paused")]) == []
        (news,) = elsewhere.take([summary(run, end)])
        assert told in news.words
        assert elsewhere.take([summary(run, end)]) == []


def test_what_is_looked_at_is_not_told_then_nor_later(tmp_path):
    run = finished_run(tmp_path)
    elsewhere = Elsewhere()
    elsewhere.take([summary(run, "running")])
    assert elsewhere.take([summary(run, "finished")], {run.path}) == []
    assert elsewhere.take([summary(run, "finished")]) == []


def test_a_run_of_another_process_that_finishes_is_told_on_another_screen(tmp_path, monkeypatch):
    monkeypatch.setattr("studio.app.WATCH_SECONDS", 0.05)
    run = finished_run(tmp_path)
    finished = run.status()
    run.write_status(Status(state="running", step=20, steps=40, heartbeat=finished.heartbeat))

    async def script(pilot, app):
        await until_seen(pilot, "running")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await pilot.pause(0.5)
        assert "has finished" not in screen_text(pilot)
        run.write_status(finished)
        await until_seen(pilot, "done-1 has finished: 40 steps.")

    with run.locked():
        drive(tmp_path, script, (120, 40), toasts=True)
