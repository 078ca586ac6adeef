"""Standard Webhooks v1, byte for byte."""

import base64

import pytest
from standardwebhooks import Webhook

from services.deliver.signing import make_secret, parse_secret, parse_secrets, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')


def test_the_published_vector() -> None:
    assert sign([parse_secret(SECRET)], *VECTOR) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("spelling", [SECRET, SECRET.removeprefix("whsec_"), f" {SECRET} "])
def test_a_secret_reads_with_and_without_prefix(spelling: str) -> None:
    assert parse_secret(spelling) == base64.b64decode(SECRET.removeprefix("whsec_"))


@pytest.mark.parametrize("length", range(24, 65))
def test_a_secret_reads_with_and_without_padding(length: int) -> None:
    key = bytes(range(length))
    text = make_secret(key)
    assert text.startswith("whsec_")
    assert parse_secret(text) == key
    assert parse_secret(text.rstrip("=")) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_short",
        "not base64 at all, not at all",
        "whsec_" + "A" * 31 + "!",
        make_secret(bytes(24))[:-6],
    ],
)
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        parse_secret(text)


def test_a_secret_is_neither_short_nor_long() -> None:
    for size in (23, 65):
        with pytest.raises(ValueError, match="24 to 64"):
            make_secret(bytes(size))
        with pytest.raises(ValueError, match="24 to 64"):
            parse_secret(base64.b64encode(bytes(size)).decode())


def test_several_secrets_sign_in_one_header_the_current_one_first() -> None:
    new, old = make_secret(b"n" * 32), make_secret(b"o" * 32)
    both = sign(parse_secrets(f"{new} {old}"), *VECTOR)
    assert both == f"{sign(parse_secrets(new), *VECTOR)} {sign(parse_secrets(old), *VECTOR)}"


def test_each_of_several_secrets_verifies() -> None:
    secrets = [make_secret(bytes([n]) * 32) for n in (1, 2)]
    # The library has no clock to hand it, so the signed instant is its own.
    from time import time

    now = int(time())
    header = sign(parse_secrets(" ".join(secrets)), "evt_1", now, b"{}")
    for secret in secrets:
        Webhook(secret).verify(
            b"{}", {"webhook-id": "evt_1", "webhook-timestamp": str(now), "webhook-signature": header}
        )
