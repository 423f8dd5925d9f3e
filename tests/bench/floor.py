"""The least that a run of two prompts over a CSV can cost: aiohttp, a comparison of strings, one SQLite file.

    python floor.py PORT CONCURRENCY     (in a project folder of the benchmark)

Answers are committed in groups by a thread, as any program would that loses nothing it paid for.
"""

from __future__ import annotations

import asyncio
import csv
import json
import queue
import sqlite3
import sys
import threading
import time

import aiohttp

Answers = "queue.SimpleQueue[tuple[int, str, str, float, float] | None]"


def store(answers: queue.SimpleQueue[tuple[int, str, str, float, float] | None]) -> None:
    """Commits what has come in, again and again, until None comes in."""
    db = sqlite3.connect("floor.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE IF NOT EXISTS answer (row INTEGER, arm TEXT, text TEXT, ms REAL, score REAL)")
    item = answers.get()
    while item is not None:
        batch = []
        while item is not None:
            batch.append(item)
            try:
                item = answers.get_nowait()
            except queue.Empty:
                break
        db.execute("BEGIN")
        db.executemany("INSERT INTO answer VALUES (?, ?, ?, ?, ?)", batch)
        db.execute("COMMIT")
        item = answers.get() if item is not None else None
    db.close()


async def main(port: int, width: int) -> None:
    """Calls both arms of every row."""
    with open("items.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    cells = iter([(no, arm, f"{arm} {row['text']}", row["expected"])
                  for no, row in enumerate(rows) for arm in ("long", "short")])
    answers: queue.SimpleQueue[tuple[int, str, str, float, float] | None] = queue.SimpleQueue()
    thread = threading.Thread(target=store, args=(answers,))
    thread.start()
    url = f"http://127.0.0.1:{port}/v1/chat/completions"

    async def work() -> None:
        for no, arm, prompt, expected in cells:
            body = {"model": "gpt-x", "messages": [{"role": "user", "content": prompt}], "seed": no}
            began = time.monotonic()
            async with session.post(url, json=body) as response:
                text = json.loads(await response.read())["choices"][0]["message"]["content"]
            ms = 1000 * (time.monotonic() - began)
            answers.put((no, arm, text, ms, float(text.strip() == expected)))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work() for _ in range(width)))
    answers.put(None)
    thread.join()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
