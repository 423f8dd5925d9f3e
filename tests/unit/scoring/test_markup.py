from __future__ import annotations

import logging

import pytest

from llmexp_tui.errors import ConfigError
from tests.unit.scoring.build import scored, scorer, value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT 1", 1.0), ("select * from t where a = 1;", 1.0), ("SELECT 1; DROP TABLE t", 1.0),
        ("WITH a AS (SELECT 1) SELECT * FROM a", 1.0), ("INSERT INTO t VALUES (1)", 1.0),
        ("CREATE TABLE t (a int)", 1.0), ("VALUES (1, 2)", 1.0), ("hello", 0.0), ("hello world", 0.0), ("42", 0.0),
        ("", 0.0), ("SELECT FROM WHERE", 0.0), ("Sure! Here is the query: SELECT 1", 0.0),
        pytest.param("(" * 3000, 0.0, id="deep"),
        ("show me the list of customers", 0.0), ("set it up", 0.0),
    ],
)
def test_is_sql(text: str, wanted: float) -> None:
    assert value("is_sql", text) == wanted


def test_is_sql_settings() -> None:
    assert value("is_sql", "SELECT `a` FROM t", dialect="mysql") == 1.0
    assert value("is_sql", "DELETE FROM t", allow=["select"]) == 0.0
    assert value("is_sql", "```sql\nSELECT 1\n```", fenced=True) == 1.0
    with pytest.raises(ConfigError, match="mysqll"):
        scorer("is_sql", dialect="mysqll")
    with pytest.raises(ConfigError, match="selekt"):
        scorer("is_sql", allow=["selekt"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("WITH a AS (SELECT 1) SELECT * FROM a", 1.0), ("SELECT 1 UNION ALL SELECT 2", 1.0), ("(SELECT 1)", 1.0),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", 0.0), ("SELECT 1; DROP TABLE t", 0.0),
        ("INSERT INTO t SELECT 1", 0.0),
    ],
)
def test_only_what_reads(text: str, wanted: float) -> None:
    assert value("is_sql", text, allow=["SELECT"], dialect="postgres") == wanted


def test_unparsable_sql_is_not_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.DEBUG):
        value("is_sql", "call \x1b[31mfoo()")
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;">]><lolz>&lol2;</lolz>"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<a/>", 1.0), (' <a x="1"><b>t &amp; u</b></a>\n', 1.0), ("<!DOCTYPE html><html></html>", 1.0),
        ('<?xml version="1.0" encoding="UTF-16"?><a>é</a>', 1.0),
        ('<?xml version="1.0" encoding="GBK"?><a>中</a>', 1.0),
        ("<a><b></a>", 0.0), ("<a>&x;</a>", 0.0), ("plain", 0.0), ("", 0.0), ("<a/><b/>", 0.0), ("<a>\x00</a>", 0.0),
        ("<a>\ud800</a>", 0.0), pytest.param("<a>" * 50_000, 0.0, id="open"),
        pytest.param("<a>" * 50_000 + "</a>" * 50_000, 1.0, id="deep"), pytest.param(BOMB, 0.0, id="bomb"),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", 0.0),
        ("<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1/'> %x;]><a/>", 0.0),
    ],
)
def test_is_xml(text: str, wanted: float) -> None:
    assert value("is_xml", text) == wanted


def test_a_bomb_is_refused_for_what_it_is() -> None:
    assert "declares entities" in (scored("is_xml", BOMB).reason or "")


def test_is_xml_settings() -> None:
    assert value("is_xml", "<r><b>1</b></r>", elements=["r.b"]) == 1.0
    assert scored("is_xml", "<r><b>1</b></r>", elements=["r.c"]).reason == "no element r.c"
    assert value("is_xml", "```xml\n<a/>\n```", fenced=True) == 1.0


def test_sql_that_would_hold_up_the_run_is_an_error() -> None:
    assert scored("is_sql", "SELECT 1;" * 20_000).value is None
