"""Access tokens: JWTs as RFC 8725 wants them, made and checked.

Rules of this file:
 1. Nothing of a token is parsed before its length is checked, and nothing of its claims before its signature is.
 2. The key decides the algorithm, never the header.
 3. A token whose signature and claims were found right is known again by its digest, for whoever sends it with every request: what
    changes with time, its hours and whether its login was ended, is asked each time.
 4. What is not exactly right is `unauthenticated`, and the text never holds a part of the token.

Never here: where keys come from (`keys`), which logins were ended (`revocations`), passwords (`records.passwords`).
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NoReturn

import jwt
import msgspec
from msgspec import Struct

from homeroom.engine.behaviour import Refusal
from homeroom.engine.clock import Clock
from homeroom.http.identity import Identity
from homeroom.http.keys import Key, KeyRing
from homeroom.protocol.access import GUARDIAN_ROLE, ROLE_ALIASES, ROLES
from homeroom.protocol.ids import Id

MAX_TOKEN_BYTES = 8_192
KNOWN_MAX = 4_096
"""Tokens that are recognised; of more, the signature is checked again."""
TYP = "at+jwt"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What every token must say, and how long one may live. Times in seconds.

    `leeway_s` is for the clock of whoever made the token: it bears on `nbf` and `iat`, never on `exp`.
    """

    issuer: str = "homeroom"
    audience: str = "homeroom"
    access_ttl_s: float = 900.0
    max_lifetime_s: int = 43_200
    leeway_s: int = 30


class _Claims(Struct, frozen=True):
    """The claims that are looked at; a number that is not an integer, or a list for a text, does not fit."""

    iss: str
    aud: str
    sub: Id
    exp: int
    iat: int
    role: str
    nbf: int | None = None
    name: str = ""
    fam: str = ""


class Tokens:
    """Makes and checks tokens with the keys of one ring.

    `is_revoked(user, family, iat)` tells, without waiting, whether a login, or all that a person was given before a time
    (Unix s), has been ended; `wards(user)` names the children of a parent, `places(user)` where somebody belongs: neither ever
    stands in a token.
    """

    def __init__(
        self,
        keys: KeyRing,
        clock: Clock,
        rules: TokenRules = TokenRules(),
        is_revoked: Callable[[str, str, int], bool] = lambda user, family, iat: False,
        wards: Callable[[str], frozenset[str]] = lambda user: frozenset(),
        *,
        places: Callable[[str], frozenset[str]] | None = None,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self.rules = rules
        self._is_revoked = is_revoked
        self._wards = wards
        self._places = places
        self._jws = jwt.PyJWS()
        self._known: dict[bytes, tuple[_Claims, Identity]] = {}

    def issue(self, user: str, name: str, role: str, *, family: str = "", ttl_s: float | None = None) -> str:
        """Return a new token for a person; `ttl_s` is cut to the longest life allowed."""
        return self.issue_until(user, name, role, family=family, ttl_s=ttl_s)[0]

    def issue_until(
        self, user: str, name: str, role: str, *, family: str = "", ttl_s: float | None = None
    ) -> tuple[str, int]:
        """Do the same, and tell until when (Unix ms)."""
        now = self._clock.now() // 1000
        life = min(ttl_s or self.rules.access_ttl_s, self.rules.max_lifetime_s)
        expires = now + max(1, int(life))
        claims = {
            "iss": self.rules.issuer,
            "aud": self.rules.audience,
            "sub": user,
            "name": name,
            "role": role,
            "iat": now,
            "nbf": now,
            "exp": expires,
            "jti": secrets.token_hex(8),
            "fam": family,
        }
        return self.sign(claims), expires * 1000

    def derive(self, purpose: str, text: str) -> bytes:
        """Return 16 octets as `KeyRing.derive` does: for secrets that a repeated request must be told again, and nobody keeps."""
        return self._keys.derive(purpose, text)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return `claims` as a token signed with the signing key."""
        key = self._keys.signing
        payload = json.dumps(claims, separators=(",", ":")).encode()
        return self._jws.encode(payload, key.signer, key.algorithm, {"typ": TYP, "kid": key.kid})

    async def authenticate(self, token: str) -> Identity:
        """Return who a token speaks for; raises `Refusal("unauthenticated")` for whatever is not exactly right."""
        return self.check(token)

    def check(self, token: str) -> Identity:
        """Do the same without an event loop: for the command line."""
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            _refuse("it is too long, or no token at all")
        digest = sha256(token.encode()).digest()
        claims, identity = self._known.get(digest) or self._read(token)
        self._check_times(claims)
        if self._is_revoked(claims.sub, claims.fam, claims.iat):
            _refuse("the login was ended")
        self._remember(digest, claims, identity)
        return identity

    def _read(self, token: str) -> tuple[_Claims, Identity]:
        """Return what a token of ours says, whenever that counts."""
        claims = self._claims(self._verified(token, self._key_of(token)))
        self._check_names(claims)
        role = ROLE_ALIASES.get(claims.role, claims.role)
        wards = self._wards if role == GUARDIAN_ROLE else None
        name = claims.name or claims.sub
        return claims, Identity(claims.sub, name, role, claims.exp * 1000, claims.fam, wards, self._places)

    def _remember(self, digest: bytes, claims: _Claims, identity: Identity) -> None:
        if digest not in self._known:
            if len(self._known) >= KNOWN_MAX:
                del self._known[next(iter(self._known))]  # the one that has been known for the longest time
            self._known[digest] = claims, identity

    def _key_of(self, token: str) -> Key:
        """Find the key by the header: of all it says only `typ`, `alg`, `kid` and the absence of `crit` matter."""
        parts = token.split(".")
        if len(parts) != 3:
            _refuse("it has not three parts")
        header = _parse(_segment(parts[0]))
        typ = header.get("typ")
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") != TYP:
            _refuse(f"its `typ` is not {TYP}")
        key = self._keys.find(header.get("kid"))
        if key is None or header.get("alg") != key.algorithm or "crit" in header or "b64" in header:
            _refuse("its key or algorithm is not one of ours")
        return key

    def _verified(self, token: str, key: Key) -> bytes:
        try:
            payload: bytes = self._jws.decode(token, key.verifier, [key.algorithm])
        except jwt.PyJWTError:
            _refuse("its signature is not ours")
        return payload

    def _claims(self, payload: bytes) -> _Claims:
        try:
            return msgspec.convert(_parse(payload), _Claims)
        except msgspec.ValidationError:
            _refuse("a claim is missing or of a wrong type")

    def _check_names(self, claims: _Claims) -> None:
        if claims.iss != self.rules.issuer or claims.aud != self.rules.audience:
            _refuse("it was made by or for somebody else")
        if ROLE_ALIASES.get(claims.role, claims.role) not in ROLES or len(claims.name) > 100 or len(claims.fam) > 64:
            _refuse("its role, name or family is none")

    def _check_times(self, claims: _Claims) -> None:
        now, rules = self._clock.now() // 1000, self.rules
        starts = max(claims.iat, claims.nbf or 0)
        if starts > now + rules.leeway_s:
            _refuse("it is not valid yet")
        if claims.exp <= now:
            _refuse("it has expired")
        if not 0 < claims.exp - claims.iat <= rules.max_lifetime_s:
            _refuse("it lives too long")


def _segment(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        _refuse("it is not base64url")


def _parse(data: bytes) -> dict[str, Any]:
    """Return a JSON object without duplicate keys and without NaN, not too deep for the parser."""
    try:
        value = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _refuse("it is not JSON")
    if not isinstance(value, dict):
        _refuse("it is not a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _refuse(why: str) -> NoReturn:
    raise Refusal("unauthenticated", f"the token does not count: {why}")
