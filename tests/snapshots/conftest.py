"""Snapshots use the app's fixtures: the same project with a past."""

from __future__ import annotations

from tests.tui.conftest import built, make_app, project, session, utc

__all__ = ["built", "make_app", "project", "session", "utc"]
