from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from llmexp_tui.store.locks import LockFile
from llmexp_tui.store.processes import is_running, start_time, this_process


def test_this_process_lives_and_is_itself() -> None:
    me = this_process()
    assert me == this_process()
    assert me.pid == os.getpid()
    assert is_running(me)
    assert me.sees(me)
    assert not me.sees(replace(me, host="other"))
    assert not me.sees(replace(me, boot="other"))
    assert me.label == f"process {me.pid} on {me.host}"


def test_a_dead_process_and_a_reused_number() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = replace(this_process(), pid=child.pid, started=start_time(child.pid) or "")
    assert is_running(found)
    assert not is_running(replace(found, started="0"))
    child.communicate(b"\n")
    assert not is_running(found)


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found = replace(this_process(), pid=child.pid, started=start_time(child.pid) or "gone")
    assert child.stdout is not None
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(found)
    child.communicate()


def test_a_lock_is_exclusive_and_says_who_has_it(tmp_path: Path) -> None:
    first, second = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    assert first.try_exclusive()
    first.sign("somebody")
    assert not second.try_exclusive()
    assert not second.try_shared()
    assert second.holder() == "somebody"
    first.unlock()
    assert second.try_shared()
    assert first.try_shared()
    assert not first.try_exclusive()
    first.close()
    second.close()


def test_a_lock_where_no_file_can_be_made_does_not_stand_in_the_way(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "missing" / "lock")
    assert lock.try_exclusive()
    assert lock.holder() is None
    lock.sign("nobody")
    lock.unlock()
    lock.close()
