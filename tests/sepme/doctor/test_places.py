import socket
from pathlib import Path

import pytest

from sepme.doctor import places
from sepme_core.settings import Settings


def settings_in(home: Path, **chosen: object) -> Settings:
    return Settings.model_validate({"home": home, **chosen})


def test_a_state_folder_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    assert places.of_folder(tmp_path / "a" / "b")["state"] == "ok"
    assert not (tmp_path / "a").exists()


def test_a_state_folder_that_is_open_to_others_is_told_with_the_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    found = places.of_folder(tmp_path)
    assert (found["state"], found["remedy"]) == ("warning", f"chmod 700 {tmp_path}")
    tmp_path.chmod(0o700)
    assert places.of_folder(tmp_path)["state"] == "ok"


def test_a_file_in_its_place_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert places.of_folder(tmp_path / "home")["state"] == "failed"


@pytest.mark.parametrize(("to_be_kept", "state"), [(0, "ok"), (2**50, "failed")])
def test_a_disk_without_the_room_that_is_to_be_kept_free_is_a_fault(
    tmp_path: Path, to_be_kept: int, state: str
) -> None:
    assert places.of_disk(settings_in(tmp_path, disk_free_bytes=to_be_kept))["state"] == state


def test_a_port_that_somebody_else_holds_is_a_fault_with_another_to_try(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = settings_in(tmp_path, port=port)
        taken.close()
        (free,) = places.of_port(settings)
    assert (free["state"], free["name"]) == ("ok", "port")
    with socket.socket() as holder:  # bound, so that nobody is answered and nobody waits for an answer
        holder.bind(("127.0.0.1", port))
        (found,) = places.of_port(settings)
    assert found["state"] == "failed"
    assert f"--port {port + 1}" in str(found["remedy"])
