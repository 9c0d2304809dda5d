import os
from pathlib import Path

import pytest

from sepme.serve import broker, processes
from sepme_core.settings import Settings


def settings(home: Path, **more: object) -> Settings:
    return Settings.model_validate({"home": home, "device": "cpu", **more})


def test_a_broker_of_its_own_comes_first_and_everyone_is_told_where_it_listens(tmp_path: Path) -> None:
    children = processes.children(settings(tmp_path), tmp_path)
    assert [child.name for child in children] == ["broker", "api", "worker-generate", "worker-erase", "worker-erase-2"]
    assert [child.name for child in children if child.ends_last] == ["broker"]
    urls = {child.environment["SEPME_BROKER_URL"] for child in children[1:]}
    assert urls == {broker.url(tmp_path / "broker.sock")}


def test_with_a_broker_of_the_operators_none_is_started(tmp_path: Path) -> None:
    children = processes.children(settings(tmp_path, broker_url="redis://queue.example:6379/0"), tmp_path)
    assert [child.name for child in children] == ["api", "worker-generate", "worker-erase", "worker-erase-2"]


def test_children_see_every_place_as_the_supervisor_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "my-model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    chosen = settings(Path("state"), model="my-model", database_url="sqlite:///registry.db", webhooks="hooks.toml")
    environment = processes.child_environment(chosen, chosen.home)
    assert environment["SEPME_HOME"] == str(tmp_path / "here" / "state")
    assert environment["SEPME_MODEL"] == str(tmp_path / "here" / "my-model")
    assert environment["SEPME_DATABASE_URL"] == f"sqlite:///{tmp_path}/here/registry.db"
    assert environment["SEPME_WEBHOOKS"] == str(tmp_path / "here" / "hooks.toml")


def test_the_name_of_a_model_that_is_no_folder_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert processes.absolute_model("demo") == "demo"
    assert (
        processes.absolute_model("stable-diffusion-v1-5/stable-diffusion-v1-5")
        == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    )


def test_a_worker_gets_longer_to_end_than_it_allows_its_job(tmp_path: Path) -> None:
    children = processes.children(settings(tmp_path, drain_seconds=33), tmp_path)
    assert all(child.stop_seconds > 33 for child in children if child.name.startswith("worker"))


def test_whoever_may_hold_a_lease_or_a_lock_is_ended_where_it_is_silent_for_longer(tmp_path: Path) -> None:
    children = processes.children(settings(tmp_path, lease_seconds=33), tmp_path)
    silent = {child.name: child.silent_seconds for child in children if child.name != "broker"}
    assert set(silent) == {"api", "worker-generate", "worker-erase", "worker-erase-2"}
    assert all(seconds is not None and 33 < seconds < 43 for seconds in silent.values())


def test_one_erase_worker_is_started_for_a_model_that_is_not_the_demo(tmp_path: Path) -> None:
    children = processes.children(settings(tmp_path, model="stable-diffusion-v1-5/stable-diffusion-v1-5"), tmp_path)
    workers = [child for child in children if child.name.startswith("worker")]
    assert [each.name for each in workers] == ["worker-generate", "worker-erase"]
    assert [each.environment.get("OMP_NUM_THREADS") for each in workers] == [None, None]


def test_more_erase_workers_share_the_cores(tmp_path: Path) -> None:
    children = processes.children(settings(tmp_path, erase_workers=2), tmp_path)
    workers = {child.name: child for child in children if child.name.startswith("worker")}
    assert list(workers) == ["worker-generate", "worker-erase", "worker-erase-2"]
    nodes = [each.command[each.command.index("--hostname") + 1] for each in workers.values()]
    assert nodes == ["generate@%h", "erase@%h", "erase-2@%h"]
    assert [each.command[each.command.index("-Q") + 1] for each in workers.values()] == ["generate", "erase", "erase"]
    threads = [each.environment.get("OMP_NUM_THREADS") for each in workers.values()]
    assert threads == [None, *[str(max((os.cpu_count() or 1) // 2, 1))] * 2]
