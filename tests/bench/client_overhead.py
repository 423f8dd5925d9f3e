"""What a call costs in each lane, beside plain aiohttp as the floor, in the same run against the same server.

    python -m tests.bench.client_overhead [--calls 2000] [--delays 0,50] [--concurrency 32,64] [--stream]

Each measurement is a process of its own (so that peaks are its own); the server is another. Import and the first call
are left out of calls/s and of CPU a call. Ratios to the floor hold on any machine, absolute figures on an idle one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion
from llmexp_tui.domain.variant import Model
from llmexp_tui.engine.limits import Limiter
from llmexp_tui.engine.retry import RetryPolicy, call_with_retry
from llmexp_tui.providers.base import build_request, provider_for
from tests.fakes.processes import ROOT, model_server_process

LANES = ("floor", "direct", "direct+retry", "litellm")
TEXT = "Classify the message of a customer: my card has not arrived yet, where is it? " * 4

Call = Callable[[int], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def floor(base: str) -> tuple[Call, Close]:
    """The least that a call can cost with this HTTP client: a body out, JSON in."""
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def call(number: int) -> None:
        body = {"model": "gpt-x", "messages": [{"role": "user", "content": TEXT}], "seed": number}
        headers = {"Content-Type": "application/json"}
        async with session.post(f"{base}/chat/completions", data=json.dumps(body), headers=headers) as response:
            assert (json.loads(await response.read()))["choices"]

    return call, session.close


async def lane(base: str, name: str, stream: bool, concurrency: int) -> tuple[Call, Close]:
    """A lane as the engine calls it; `+retry` adds the limiter and the retry policy."""
    kind, _, retry = name.partition("+")
    model = Model("m", "openai/gpt-x", api_base=base, lane=kind, stream=stream)
    provider, limiter, policy = provider_for(model, env={}), Limiter("m", concurrency), RetryPolicy()

    async def call(number: int) -> None:
        request = build_request(model, [Message("user", TEXT)], seed=number)
        if retry:
            result = (await call_with_retry(provider, request, limiter, policy)).result
        else:
            result = await provider.complete(request)
        assert isinstance(result, Completion), result

    return call, provider.aclose


async def measure(args: argparse.Namespace) -> dict[str, float]:
    """One lane at one delay and concurrency: calls a second, ms of CPU a call, MiB at the peak."""
    base = f"http://127.0.0.1:{args.port}/v1"
    if args.lane == "floor":
        call, close = await floor(base)
    else:
        call, close = await lane(base, args.lane, args.stream, args.width)
    await call(0)
    numbers = iter(range(args.calls))

    async def work() -> None:
        for number in numbers:
            await call(number)

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(args.width)))
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    await close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall_s": wall, "calls_s": args.calls / wall, "cpu_ms": 1000 * cpu / args.calls, "peak_mib": peak}


def run_one(port: int, name: str, width: int, args: argparse.Namespace) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.client_overhead", "--port", str(port), "--lane", name,
               "--width", str(width), "--calls", str(args.calls)]
    command += ["--stream"] if args.stream and name != "floor" else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return dict(json.loads(done.stdout))


def main() -> int:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--delays", default="0,50")
    parser.add_argument("--concurrency", default="32,64")
    parser.add_argument("--lanes", default=",".join(LANES))
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--lane", help=argparse.SUPPRESS)
    parser.add_argument("--width", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.lane:
        print(json.dumps(asyncio.run(measure(args))))
        return 0
    print(" delay   c  lane           wall s  calls/s CPU ms/call   MiB  x floor")
    for delay in (float(value) for value in args.delays.split(",")):
        with model_server_process("--delay-ms", str(delay)) as port:
            for width in (int(value) for value in args.concurrency.split(",")):
                least = None
                for name in args.lanes.split(","):
                    one = run_one(port, name, width, args)
                    least = least or one["wall_s"]
                    print(f"{delay:>4.0f}ms {width:>3}  {name:<13} {one['wall_s']:>7.2f} {one['calls_s']:>8.0f} "
                          f"{one['cpu_ms']:>11.3f} {one['peak_mib']:>5.0f} {one['wall_s'] / least:>8.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
