from __future__ import annotations

from pathlib import Path

import pytest

from llmexp_tui.errors import StoreError
from llmexp_tui.store.connect import file_system, journal_mode, make_private

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
proc /proc proc rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/ada/local ext4 rw 0 0
//nas/share /mnt/my\\040share cifs rw 0 0
C:\\ /mnt/c 9p rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "mode"),
    [
        ("/srv/x.db", "ext4", "WAL"),
        ("/home/ada/x.db", "nfs4", "TRUNCATE"),
        ("/home/ada/local/x.db", "ext4", "WAL"),
        ("/homework/x.db", "ext4", "WAL"),
        ("/mnt/my share/x.db", "cifs", "TRUNCATE"),
        ("/mnt/c/x.db", "9p", "TRUNCATE"),
    ],
)
def test_the_log_needs_a_file_system_of_one_host(path: str, kind: str, mode: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind
    chosen, reason = journal_mode(Path(path), MOUNTS)
    assert chosen == mode
    assert (reason is None) == (mode == "WAL")
    assert reason is None or kind in reason


def test_a_system_that_does_not_say_counts_as_local() -> None:
    assert file_system(Path("/x.db"), "") is None
    assert journal_mode(Path("/x.db"), "nonsense\n") == ("WAL", None)


def test_a_file_that_exists_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_text("mine")
    file.chmod(0o660)
    assert not make_private(file)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("mine", 0o660)


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be created"):
        make_private(tmp_path / "file" / "x.db")
