import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from llmexp_tui.project.watch import changes

PATIENCE_S = 20


class Watch:
    """Collects what `changes` tells; `next()` waits for the next set."""

    def __init__(self, root, *paths, **options):
        self._stop = asyncio.Event()
        self._told = asyncio.Queue()
        self._task = asyncio.create_task(self._follow(changes(root, *paths, stop=self._stop, **options)))

    async def _follow(self, stream):
        async for changed in stream:
            self._told.put_nowait({str(path) for path in changed})

    async def next(self):
        return await asyncio.wait_for(self._told.get(), PATIENCE_S)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self._stop.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._task, PATIENCE_S)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "a.md").write_text("one")
    (tmp_path / "rows.csv").write_text("a\n1\n")
    return tmp_path


A, ROWS = Path("prompts/a.md"), Path("rows.csv")


@pytest.mark.parametrize("polling", [False, True])
async def test_saves_by_writing_and_by_renaming_are_told_again_and_again(folder, polling):
    async with Watch(folder, A, ROWS, polling=polling) as watch:
        (folder / A).write_text("two")
        assert await watch.next() == {"prompts/a.md"}
        (folder / "prompts" / "a.md.tmp").write_text("three")
        os.replace(folder / "prompts" / "a.md.tmp", folder / A)
        assert await watch.next() == {"prompts/a.md"}
        os.rename(folder / A, folder / "prompts" / "a.md~")
        (folder / A).write_text("four")
        assert await watch.next() == {"prompts/a.md"}


async def test_several_files_saved_at_once_are_told_at_once(folder):
    async with Watch(folder, A, ROWS) as watch:
        (folder / A).write_text("two")
        (folder / ROWS).write_text("a\n2\n")
        assert await watch.next() == {"prompts/a.md", "rows.csv"}


async def test_what_is_the_same_again_is_not_told(folder):
    async with Watch(folder, A, ROWS) as watch:
        (folder / A).write_text("one")
        os.utime(folder / A)
        (folder / "prompts" / "other.md").write_text("not watched")
        (folder / ROWS).write_text("a\n2\n")
        assert await watch.next() == {"rows.csv"}


async def test_a_file_that_goes_and_comes_is_told(folder):
    new = Path("prompts/new.md")
    async with Watch(folder, A, new) as watch:
        (folder / A).unlink()
        assert await watch.next() == {"prompts/a.md"}
        (folder / new).write_text("x")
        assert await watch.next() == {"prompts/new.md"}


async def test_a_file_that_goes_is_watched_though_nothing_names_it_meanwhile(folder):
    """A prompt that cannot be read without its examples does not say which they are."""
    async with Watch(folder, A, again=lambda: [A] if (folder / A).exists() else []) as watch:
        (folder / A).unlink()
        assert await watch.next() == {"prompts/a.md"}
        (folder / A).write_text("back")
        assert await watch.next() == {"prompts/a.md"}


async def test_a_half_written_file_is_told_once_it_keeps_still(folder):
    async with Watch(folder, A, settle_s=0.3) as watch:
        with open(folder / A, "w") as file:
            for number in range(6):
                file.write(f"part {number} ")
                file.flush()
                await asyncio.sleep(0.05)
        assert await watch.next() == {"prompts/a.md"}
        assert (folder / A).read_text().count("part") == 6
        (folder / A).write_text("after")
        assert await watch.next() == {"prompts/a.md"}


async def test_a_change_may_say_what_to_watch_from_then_on(folder):
    files = [A]
    async with Watch(folder, A, again=lambda: files) as watch:
        (folder / "more").mkdir()
        (folder / "more" / "b.txt").write_text("one")
        files.append(Path("more/b.txt"))
        (folder / A).write_text("two")
        assert await watch.next() == {"prompts/a.md"}
        for text in ("two", "three"):
            (folder / "more" / "b.txt").write_text(text)
            assert await watch.next() == {"more/b.txt"}
        (folder / A).write_text("three")
        assert await watch.next() == {"prompts/a.md"}


async def test_a_save_behind_a_link_is_seen(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "real.md").write_text("one")
    (folder / "link.md").symlink_to(elsewhere / "real.md")
    async with Watch(folder, Path("link.md")) as watch:
        (elsewhere / "real.md").write_text("two")
        assert await watch.next() == {"link.md"}


async def test_nothing_to_watch_ends_at_once(tmp_path):
    async with asyncio.timeout(PATIENCE_S):
        assert [changed async for changed in changes(tmp_path / "none", Path("a"))] == []
