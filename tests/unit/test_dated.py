"""Date of an answer: when it goes out, to the second."""

from starlette.types import Message, Receive, Scope, Send

from services.http.dated import Dated, Dates


def test_the_line_moves_with_the_second() -> None:
    now = [994_694_399.0]
    dates = Dates(lambda: now[0])
    assert dates.line() == b"date: Mon, 09 Jul 2001 15:59:59 GMT\r\n"
    now[0] += 0.999
    assert dates.line() == b"date: Mon, 09 Jul 2001 15:59:59 GMT\r\n"
    now[0] += 0.001
    assert dates.header() == (b"date", b"Mon, 09 Jul 2001 16:00:00 GMT")


async def test_an_answer_that_took_long_has_the_date_of_its_beginning() -> None:
    """A long poll is asked for seconds before it is answered."""
    now = [0.0]
    said: list[Message] = []

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        now[0] = 15.0
        await send({"type": "http.response.start", "status": 200, "headers": [(b"etag", b"x")]})

    async def hear(message: Message) -> None:
        said.append(message)

    async def silence() -> Message:
        return {"type": "http.disconnect"}

    await Dated(slow, Dates(lambda: now[0]))({"type": "http"}, silence, hear)
    assert said[0]["headers"] == [(b"date", b"Thu, 01 Jan 1970 00:00:15 GMT"), (b"etag", b"x")]
