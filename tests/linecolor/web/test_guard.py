import asyncio

import pytest

from linecolor.web.guard import HEADERS, LOOPBACK, Guard


async def inner(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"secret"})


def ask(hosts, method: str, **headers: str) -> tuple[int, dict[bytes, bytes], bytes]:
    sent = []

    async def send(message) -> None:
        sent.append(message)

    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "headers": given}
    asyncio.run(Guard(inner, hosts)(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860"])
def test_its_own_names_are_answered(host):
    status, headers, body = ask(LOOPBACK, "GET", host=host)
    assert (status, body) == (200, b"secret")
    assert {name.encode() for name in HEADERS} < set(headers)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:7860", "", "[", "a@b:c", "\xff", "127.0.0.1@evil.example"],
)
def test_another_name_that_leads_here_is_refused(host):
    status, headers, body = ask(LOOPBACK, "GET", host=host)
    assert status == 403
    assert b"secret" not in body
    assert {name.encode() for name in HEADERS} < set(headers)


def test_without_a_name_nothing_is_answered():
    assert ask(LOOPBACK, "GET")[0] == 403


@pytest.mark.parametrize("hosts", [LOOPBACK, None])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:7860", 200),
        ("https://localhost:7860", 200),  # a proxy speaks for us
        ("http://localhost:7861", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://[", 403),
    ],
)
def test_only_its_own_page_may_change_anything(hosts, method, origin, status):
    assert ask(hosts, method, host="localhost:7860", origin=origin)[0] == status


def test_opened_to_a_network_it_answers_to_any_name():
    assert ask(None, "GET", host="studio.local")[0] == 200
