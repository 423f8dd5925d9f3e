"""The JSON client: pages, waiting for rate limits, and a token that goes nowhere else."""

from dataclasses import replace

import pytest

from llmexp_tui.forges.api import Api, ForgeError
from tests.unit.forges.forge_server import ForgeServer

TOKEN = {"Authorization": "Bearer t0ken"}


@pytest.fixture
def server():
    with ForgeServer() as server:
        yield server


@pytest.fixture
def waits():
    return []


@pytest.fixture
def api(server, waits):
    return Api(server.base, TOKEN, sleep=waits.append, clock=lambda: 1000.0)


def test_every_page_is_read(server, api):
    server.comments = [{"id": number} for number in range(8)]
    pages = list(api.pages("repos/o/r/issues/1/comments"))
    assert [comment["id"] for page in pages for comment in page] == list(range(8))
    assert len(pages) == 3
    assert all(call.headers["Authorization"] == "Bearer t0ken" for call in server.calls)


def test_a_next_page_on_another_server_is_not_asked_for(server, api):
    server.comments = [{"id": number} for number in range(8)]
    server.next_base = "http://evil.example"
    with pytest.raises(ForgeError, match="another server"):
        list(api.pages("comments"))
    assert len(server.calls) == 1


def test_a_redirect_is_refused(server, api):
    server.refusals = [(302, {"Location": "http://evil.example/"})]
    with pytest.raises(ForgeError, match="302"):
        api.get("anything")
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (403, {"Retry-After": "3"}, 3.0),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1030"}, 30.0),
        (429, {}, 2.0),
        (503, {}, 2.0),
    ],
)
def test_a_limit_is_waited_for_as_long_as_it_says(server, api, waits, status, headers, wait):
    server.refusals = [(status, headers)]
    assert api.send("PATCH", "comments/1", {"body": "x"}) == {}
    assert waits == [wait]
    assert len(server.calls) == 2


@pytest.mark.parametrize(
    ("status", "headers"), [(403, {}), (404, {}), (422, {}), (429, {"Retry-After": "3600"}), (500, {})]
)
def test_a_refusal_is_final(server, api, waits, status, headers):
    server.refusals = [(status, headers)]
    with pytest.raises(ForgeError) as caught:
        api.send("PATCH", "comments/1", {"body": "x"})
    assert caught.value.status == status
    assert waits == []


def test_a_comment_that_may_have_arrived_is_not_sent_twice(server, api):
    server.refusals = [(502, {})]
    with pytest.raises(ForgeError):
        api.send("POST", "comments", {"body": "x"})
    assert len(server.calls) == 1


def test_it_gives_up_in_the_end(server, api, waits):
    server.refusals = [(429, {"Retry-After": "1"})] * 10
    with pytest.raises(ForgeError):
        api.get("anything")
    assert len(server.calls) == 4


def test_a_server_that_is_not_there_is_an_error_without_the_token():
    with pytest.raises(ForgeError) as caught:
        Api("http://127.0.0.1:9", TOKEN).get("anything")
    assert caught.value.status is None
    assert "t0ken" not in str(caught.value)


def test_a_trailing_slash_makes_no_difference(server, api):
    assert replace(api, base=server.base + "/").send("POST", "/comments", {"body": "x"}) == {"id": 999}
    assert server.calls[0].path == "/comments"
