"""Access tokens against the attacks A1 to A7, A9 and A12."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from homeroom.engine.behaviour import Refusal
from homeroom.http.keys import Key, KeyRing, secret_key
from homeroom.http.tokens import MAX_TOKEN_BYTES, TYP, TokenRules, Tokens

NOW_S = 1_800_000_000
SECRET = b"0123456789abcdef0123456789abcdef"


class StandingClock:
    """A clock that stands where it is put."""

    def __init__(self, seconds: float = NOW_S) -> None:
        self.seconds = seconds

    def now(self) -> int:
        return int(self.seconds * 1000)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def tokens(clock: StandingClock) -> Tokens:
    return Tokens(KeyRing([secret_key(SECRET)]), clock)


def claims(**changes: Any) -> dict[str, Any]:
    good = {
        "iss": "homeroom",
        "aud": "homeroom",
        "sub": "ann",
        "name": "Ann",
        "role": "student",
        "iat": NOW_S,
        "nbf": NOW_S,
        "exp": NOW_S + 600,
        "fam": "f1",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def encode(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: Any, payload: Any, secret: bytes = SECRET, digest: Any = hashlib.sha256) -> str:
    """Return a token with any header and payload, signed by HMAC whatever the header says."""
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{encode(hmac.new(secret, signed.encode(), digest).digest())}"


def header(**changes: Any) -> dict[str, Any]:
    return {"typ": TYP, "alg": "HS256", "kid": "own"} | changes


def assert_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(Refusal) as caught:
        tokens.check(token)
    assert caught.value.code == "unauthenticated"
    for part in token.split("."):
        assert len(part) < 8 or part not in caught.value.msg


async def test_a_token_that_was_issued_says_who_its_bearer_is(tokens: Tokens) -> None:
    identity = await tokens.authenticate(tokens.issue("ann", "Ann", "teacher", family="f1"))
    assert (identity.id, identity.name, identity.role, identity.family) == ("ann", "Ann", "teacher", "f1")
    assert identity.expires == (NOW_S + 900) * 1000


def test_a_hand_made_token_with_every_claim_right_is_taken(tokens: Tokens) -> None:
    assert tokens.check(forge(header(), claims())).id == "ann"


def test_the_header_holds_the_type_of_access_tokens_and_no_secret(tokens: Tokens) -> None:
    assert jwt.get_unverified_header(tokens.issue("ann", "Ann", "student")) == {
        "typ": "at+jwt",
        "alg": "HS256",
        "kid": "own",
    }


@pytest.mark.parametrize("role", ["instructor", "mentor"])
def test_other_systems_words_for_a_teacher_mean_a_teacher(tokens: Tokens, role: str) -> None:
    assert tokens.check(forge(header(), claims(role=role))).role == "teacher"


def test_a_lifetime_asked_for_is_cut_to_twelve_hours(tokens: Tokens) -> None:
    assert tokens.check(tokens.issue("ann", "Ann", "student", ttl_s=1e9)).expires == (NOW_S + 43_200) * 1000


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "HS384", "HS512", "RS256", "", ["HS256"], {"a": 1}, None, 1])
def test_a1_another_algorithm_than_the_keys_is_refused(tokens: Tokens, alg: Any) -> None:
    assert_refused(tokens, forge(header(alg=alg), claims()))


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_a1_a_stripped_signature_is_refused(tokens: Tokens, alg: str) -> None:
    assert_refused(tokens, f"{encode(header(alg=alg))}.{encode(claims())}.")


def test_a1_a_right_signature_by_another_digest_is_refused(tokens: Tokens) -> None:
    assert_refused(tokens, forge(header(alg="HS384"), claims(), digest=hashlib.sha384))


def test_a_token_signed_with_another_secret_is_refused(tokens: Tokens) -> None:
    assert_refused(tokens, forge(header(), claims(), secret=SECRET[::-1]))


def test_a2_a_public_key_used_as_hmac_secret_is_refused(clock: StandingClock) -> None:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    tokens = Tokens(KeyRing([Key("own", "RS256", private.public_key(), private)]), clock)
    assert tokens.check(tokens.issue("ann", "Ann", "student")).id == "ann"
    assert_refused(tokens, forge(header(), claims(), secret=pem))
    assert_refused(tokens, forge(header(alg="RS256"), claims(), secret=pem))


@pytest.mark.parametrize("kid", [None, 1, ["own"], "../../dev/null", "own' OR '1'='1", "", "OWN"])
def test_a2_a_key_name_that_is_none_of_ours_is_refused(tokens: Tokens, kid: Any) -> None:
    assert_refused(tokens, forge(header(kid=kid), claims()))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
def test_a2_keys_that_the_header_brings_along_are_not_looked_at(tokens: Tokens, name: str) -> None:
    brought = {name: "https://evil.example/keys.json"}
    assert tokens.check(forge(header(**brought), claims())).id == "ann"
    assert_refused(tokens, forge(header(**brought), claims(), secret=b"x" * 32))


@pytest.mark.parametrize("extra", [{"crit": ["exp"]}, {"b64": False}, {"crit": []}])
def test_header_extensions_that_change_the_meaning_are_refused(tokens: Tokens, extra: dict[str, Any]) -> None:
    assert_refused(tokens, forge(header(**extra), claims()))


@pytest.mark.parametrize("name", ["exp", "iat", "aud", "iss", "sub", "role"])
def test_a3_a_missing_claim_is_refused(tokens: Tokens, name: str) -> None:
    assert_refused(tokens, forge(header(), claims(**{name: None})))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "raw", [f'"{NOW_S}"', f"{NOW_S}.0", f"{NOW_S}.5", "true", "NaN", "1e400", "Infinity", "[]", "-1e400"]
)
def test_a4_a_time_that_is_no_integer_is_refused(tokens: Tokens, name: str, raw: str) -> None:
    body = json.dumps(claims(**{name: None}))[:-1] + f', "{name}": {raw}}}'
    assert_refused(tokens, forge(header(), body.encode()))


@pytest.mark.parametrize("exp", [32_503_680_000, NOW_S + 43_201, 10**4000, -1])
def test_a4_a_life_longer_than_twelve_hours_is_refused(tokens: Tokens, exp: int) -> None:
    assert_refused(tokens, forge(header(), claims(exp=exp)))


def test_a4_twelve_hours_exactly_are_taken(tokens: Tokens) -> None:
    assert tokens.check(forge(header(), claims(exp=NOW_S + 43_200))).id == "ann"


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a5_a_clock_that_is_thirty_seconds_ahead_is_forgiven_and_no_more(tokens: Tokens, name: str) -> None:
    assert tokens.check(forge(header(), claims(**{name: NOW_S + 30}))).id == "ann"
    assert_refused(tokens, forge(header(), claims(**{name: NOW_S + 31})))


def test_a5_an_end_that_has_come_is_not_forgiven(tokens: Tokens, clock: StandingClock) -> None:
    token = tokens.issue("ann", "Ann", "student", ttl_s=60)
    clock.seconds += 59
    assert tokens.check(token).id == "ann"
    clock.seconds += 1
    assert_refused(tokens, token)


@pytest.mark.parametrize("aud", ["other", ["homeroom"], {"homeroom": 1}, ["homeroom", "other"]])
def test_a6_an_audience_that_is_not_ours_alone_is_refused(tokens: Tokens, aud: Any) -> None:
    assert_refused(tokens, forge(header(), claims(aud=aud)))


def test_a6_another_issuer_is_refused(tokens: Tokens) -> None:
    assert_refused(tokens, forge(header(), claims(iss="https://other.example")))


@pytest.mark.parametrize("typ", ["JWT", "id+jwt", "dpop+jwt", "", None, ["at+jwt"]])
def test_a6_a_token_of_another_type_is_refused(tokens: Tokens, typ: Any) -> None:
    assert_refused(tokens, forge(header(typ=typ), claims()))


@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt"])
def test_the_other_spellings_of_the_type_are_taken(tokens: Tokens, typ: str) -> None:
    assert tokens.check(forge(header(typ=typ), claims())).id == "ann"


def test_a7_a_claim_that_stands_twice_is_refused(tokens: Tokens) -> None:
    body = json.dumps(claims())[:-1] + ', "sub": "demo-admin"}'
    assert_refused(tokens, forge(header(), body.encode()))


def test_a7_a_header_field_that_stands_twice_is_refused(tokens: Tokens) -> None:
    doubled = b'{"typ":"at+jwt","alg":"none","kid":"own","alg":"HS256"}'
    assert_refused(tokens, forge(doubled, claims()))


@pytest.mark.parametrize("part", [b"[" * 4000, b'{"a":' * 900 + b"1" + b"}" * 900])
def test_a7_deep_nesting_in_either_part_is_refused(tokens: Tokens, part: bytes) -> None:
    assert_refused(tokens, forge(part, claims()))
    assert_refused(tokens, forge(header(), part))


@pytest.mark.parametrize("size", [MAX_TOKEN_BYTES + 1, 1_000_000])
def test_a7_a_long_token_is_refused_before_anything_of_it_is_read(tokens: Tokens, size: int) -> None:
    token = forge(header(), claims(padding="x" * size))
    assert_refused(tokens, token)


@pytest.mark.parametrize("token", ["", "a", "..", "a.b.c", "a.b", "é.é.é", "a.b.c.d", "\x00.\x00.\x00", "%%.%%.%%"])
def test_what_is_no_token_is_refused(tokens: Tokens, token: str) -> None:
    assert_refused(tokens, token)


@pytest.mark.parametrize("payload", [b"null", b"[]", b'"ann"', b"1", b"\xff\xfe", b""])
def test_a_payload_that_is_no_object_is_refused(tokens: Tokens, payload: bytes) -> None:
    assert_refused(tokens, forge(header(), payload))


@pytest.mark.parametrize("role", ["system", "root", "Admin", "", ["admin"]])
def test_a_role_that_no_school_has_is_refused(tokens: Tokens, role: Any) -> None:
    assert_refused(tokens, forge(header(), claims(role=role)))


@pytest.mark.parametrize("sub", ["", "a b", "a/b", "../x", "x" * 65, 7, "ann\n"])
def test_a_subject_that_is_no_id_is_refused(tokens: Tokens, sub: Any) -> None:
    assert_refused(tokens, forge(header(), claims(sub=sub)))


def test_another_issuer_and_audience_can_be_configured(clock: StandingClock) -> None:
    rules = TokenRules(issuer="https://id.school.example", audience="rooms")
    tokens = Tokens(KeyRing([secret_key(SECRET)]), clock, rules)
    assert tokens.check(tokens.issue("ann", "Ann", "student")).id == "ann"
    assert_refused(tokens, forge(header(), claims()))


def test_a_login_that_was_ended_is_refused(clock: StandingClock) -> None:
    tokens = Tokens(KeyRing([secret_key(SECRET)]), clock, is_revoked=lambda user, family, iat: family == "gone")
    assert tokens.check(tokens.issue("ann", "Ann", "student", family="f1")).family == "f1"
    assert_refused(tokens, tokens.issue("ann", "Ann", "student", family="gone"))


def test_a_token_that_is_known_again_is_held_to_its_hours_and_to_its_login(clock: StandingClock) -> None:
    ended: set[str] = set()
    tokens = Tokens(KeyRing([secret_key(SECRET)]), clock, is_revoked=lambda user, family, iat: family in ended)
    first, other = (tokens.issue("ann", "Ann", "student", family=family, ttl_s=60) for family in ("f1", "f2"))
    assert tokens.check(first) is tokens.check(first)
    assert tokens.check(other).family == "f2"
    ended.add("f1")
    assert_refused(tokens, first)
    assert tokens.check(other).family == "f2"
    clock.seconds += 60
    assert_refused(tokens, other)


def test_another_signature_under_what_is_known_is_refused(tokens: Tokens) -> None:
    token = tokens.issue("ann", "Ann", "student")
    tokens.check(token)
    head, payload, signature = token.split(".")
    assert_refused(tokens, f"{head}.{payload}.{signature[::-1]}")
    assert_refused(tokens, f"{head}.{payload}.")
    assert_refused(tokens, f"{head}.{encode(claims(sub='bob'))}.{signature}")


def test_a_bounded_number_of_tokens_is_known_and_the_others_count_as_well(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroom.http.tokens.KNOWN_MAX", 2)
    issued = [tokens.issue(name, name, "student") for name in ("ann", "bob", "cid")]
    for _ in range(2):
        assert [tokens.check(token).id for token in issued] == ["ann", "bob", "cid"]
    assert len(tokens._known) == 2


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_every_configured_algorithm_signs_and_checks(clock: StandingClock, algorithm: str, private: Any) -> None:
    tokens = Tokens(KeyRing([Key("k", algorithm, private.public_key(), private)]), clock)
    token = tokens.issue("ann", "Ann", "student")
    assert tokens.check(token).id == "ann"
    assert_refused(tokens, token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"))


def test_an_old_key_still_checks_and_the_first_that_can_signs(clock: StandingClock) -> None:
    old, new = secret_key(b"o" * 32, "old"), secret_key(b"n" * 32, "new")
    made_before = Tokens(KeyRing([old]), clock).issue("ann", "Ann", "student")
    both = Tokens(KeyRing([new, old]), clock)
    assert both.check(made_before).id == "ann"
    assert jwt.get_unverified_header(both.issue("ann", "Ann", "student"))["kid"] == "new"
    assert_refused(Tokens(KeyRing([new]), clock), made_before)
