"""Over how many GPUs `sepme serve` spreads its workers, and which of them runs where."""

from pathlib import Path

import pytest

from sepme.serve import devices, processes
from sepme_core.settings import Settings

DRIVER = "nvidiactl"
ASKED = "asked"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a driver and three GPUs, as the torch that another Python imports tells."""
    (tmp_path / DRIVER).touch()
    monkeypatch.setattr(devices, "DRIVERS", (tmp_path / DRIVER,))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    install_torch(tmp_path, "3")
    return tmp_path


def install_torch(machine: Path, answer: str) -> None:
    """A torch that leaves word that it was asked; it may print what it likes before it answers."""
    source = (
        f"open({str(machine / ASKED)!r}, 'w').close()\nprint('warming up')\n"
        f"class cuda:\n    @staticmethod\n    def device_count():\n        return {answer}\n"
    )
    (machine / "torch.py").write_text(source)


def where(machine: Path, **more: object) -> dict[str, str | None]:
    chosen = Settings.model_validate({"home": machine / "state", "model": "some/model", **more})
    planned = processes.children(chosen, chosen.home)
    return {each.name: each.environment.get("SEPME_DEVICE") for each in planned if each.name.startswith("worker")}


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_each_gpu_has_a_generate_worker_and_erase_workers_are_spread_from_the_last(machine: Path, device: str) -> None:
    generating = {"worker-generate": "cuda:0", "worker-generate-2": "cuda:1", "worker-generate-3": "cuda:2"}
    assert where(machine, device=device) == {**generating, "worker-erase": "cuda:2"}
    assert where(machine, device=device, erase_workers=4) == {
        **generating,
        "worker-erase": "cuda:2",
        "worker-erase-2": "cuda:1",
        "worker-erase-3": "cuda:0",
        "worker-erase-4": "cuda:2",
    }


def test_workers_of_one_queue_are_nodes_of_their_own(machine: Path) -> None:
    planned = processes.children(Settings(home=machine / "state"), machine / "state")
    commands = [each.command for each in planned if each.name.startswith("worker-generate")]
    nodes = [command[command.index("--hostname") + 1] for command in commands]
    assert nodes == ["generate@%h", "generate-2@%h", "generate-3@%h"]
    assert {command[command.index("-Q") + 1] for command in commands} == {"generate"}


@pytest.mark.parametrize("answer", ["0", "1", "None", "1 / 0"])
def test_with_one_gpu_with_none_or_where_torch_cannot_tell_a_worker_finds_its_device_itself(
    machine: Path, answer: str
) -> None:
    install_torch(machine, answer)
    assert where(machine) == {"worker-generate": None, "worker-erase": None}
    assert (machine / ASKED).exists()


@pytest.mark.parametrize("device", ["cuda:1", "cpu", "mps"])
def test_a_device_that_was_named_has_all_workers_and_nobody_is_asked(machine: Path, device: str) -> None:
    assert where(machine, device=device) == {"worker-generate": None, "worker-erase": None}
    assert not (machine / ASKED).exists()


def test_without_a_driver_nobody_is_asked(machine: Path) -> None:
    (machine / DRIVER).unlink()
    assert where(machine) == {"worker-generate": None, "worker-erase": None}
    assert not (machine / ASKED).exists()
