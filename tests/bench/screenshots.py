"""The README's pictures of the app, drawn from the sample project after its own check.

    python -m tests.bench.screenshots [FOLDER]

Writes SVG files to FOLDER (.github/screenshots). They name no address outside: the fonts are the reader's own.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from llmexp_tui.tui.app import LlmexpApp, project_opener
from llmexp_tui.tui.settings import Settings
from tests.snapshots.test_screens import walk

FOLDER = Path(".github/screenshots")
SIZE = (104, 28)
WALKS: dict[str, tuple[str, ...]] = {
    "home": ("HomeScreen",),
    "results": ("HomeScreen", "enter", "ResultsScreen"),
    "rows": ("HomeScreen", "enter", "ResultsScreen", "n", "RowsScreen", "j"),
}


def sample(folder: Path) -> Path:
    """The sample project with what its check found."""
    project, env = folder / "llmexp-demo", {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "llmexp_tui", "demo", str(project), "--check"]
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    return project


async def picture(project: Path, name: str) -> str:
    """One screen as SVG."""
    env = {"LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": str(project.parent / "settings")}
    app = LlmexpApp(project_opener(project, None, env=env), env=env, settings=Settings(theme="dark"))
    async with app.run_test(size=SIZE) as pilot:
        await walk(WALKS[name])(pilot)
        return own_fonts(app.export_screenshot(title="llmexp-tui"))


def own_fonts(svg: str) -> str:
    """The picture without web fonts and without any address but SVG's own name."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code,", "font-family: 'Fira Code', Menlo, Consolas, 'DejaVu Sans Mono',")
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    outside = set(re.findall(r"https?://[^\"' )]+", svg)) - {"http://www.w3.org/2000/svg"}
    assert not outside, outside
    return re.sub(r"\n\s*\n+", "\n", svg)


def main() -> None:
    """Draw them all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        project = sample(Path(temporary))
        for name in WALKS:
            path = folder / f"{name}.svg"
            path.write_text(asyncio.run(picture(project, name)), encoding="utf-8")
            print(f"{path}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
