"""Strings that act on a terminal, on markup or on the reader's eye, each with a mark by which it would be known."""

from __future__ import annotations

ESCAPES = (
    "\x1b]52;c;Q0FOQVJZ\x1b\\",
    "\x1b]0;CANARYTITLE\x07",
    "\x1b]8;;https://canary.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[31;99mCANARYCSI\x1b[2J\x1b[77;77H",
    "\x9b31;98mCANARYC1\x9d52;c;Q0FOQVJZ\x9c",
    "\x1bPCANARYDCS\x1b\\\x1b_CANARYAPC\x1b\\",
    "a\rCANARYCR\x08\x08\x7f\x00",
)
BIDI = "user\u202egnp.exe\u2066x\u2069 \u200bz\ufeff \u2028p"
SURROGATE = "half \ud800 of one"
MARKUP = "[/x] [bold]x[/bold] [@click=app.quit]press me[/] [link=file:///etc/passwd]a[/link] [b"
HOSTILE = (*ESCAPES, BIDI, MARKUP)

RAW = (
    b"\x1b]52;",
    b"\x1b]0;",
    b"\x1b]8;",
    b"\x1b[31;99m",
    b"\x1b[77;77H",
    b"\xc2\x9b",
    b"\xc2\x9d",
    b"\x1bPCANARY",
    b"\x1b_CANARY",
    b"\rCANARYCR",
    "\u202e".encode(),
    "\u2066".encode(),
    "\u200b".encode(),
    "\ufeff".encode(),
    "\u2028".encode(),
    b"\xed\xa0\x80",
)
"""Byte sequences that must never reach a terminal."""
