"""The keys that sign and check access tokens: a fixed map from `kid`, each key pinned to one algorithm.

Keys come from files at the start and from nowhere else: what a token's header says about keys beside its `kid` (`jku`,
`x5u`, `jwk`) is never looked at. Never here: what a token claims (`tokens`).
"""

import hmac
import os
import secrets
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

MIN_SECRET_BYTES = 32
MIN_RSA_BITS = 2048
SECRET_FILE = "token.secret"  # noqa: S105 - a file's name
OWN_KID = "own"


class UnfitKey(ValueError):
    """A configured key is too weak, of another kind than its algorithm, or unreadable: the server refuses to start."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One key: its name, the one algorithm it serves, what verifies, and what signs (`None`: it only verifies)."""

    kid: str
    algorithm: str
    verifier: Any
    signer: Any = None

    def __repr__(self) -> str:
        return f"Key({self.kid}, {self.algorithm})"


class KeyRing:
    """The fixed map of keys; the first one that can sign signs."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.kid: key for key in keys}
        signing = next((key for key in self._keys.values() if key.signer is not None), None)
        if signing is None:
            raise UnfitKey("no key can sign: name a `private` or a `secret` file for one of them")
        self.signing = signing

    def derive(self, purpose: str, text: str) -> bytes:
        """Return 16 octets that always follow from these texts and the signing key, and that nobody finds out without it."""
        return hmac.digest(_octets(self.signing.signer), f"{purpose}\n{text}".encode(), "sha256")[:16]

    def find(self, kid: object) -> Key | None:
        """Return the key of that name; anything but a known name finds nothing."""
        return self._keys.get(kid) if isinstance(kid, str) else None


def _octets(signer: Any) -> bytes:
    """Return a key that signs as octets."""
    if isinstance(signer, bytes):
        return signer
    octets: bytes = signer.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return octets


def secret_key(secret: bytes, kid: str = OWN_KID) -> Key:
    """Return the HS256 key of `secret`; raises `UnfitKey` under 32 bytes, and for what is a key of another kind."""
    if len(secret) < MIN_SECRET_BYTES:
        raise UnfitKey(f"the secret {kid!r} has {len(secret)} bytes; HS256 needs at least {MIN_SECRET_BYTES}")
    if b"-----BEGIN" in secret:
        raise UnfitKey(f"the secret {kid!r} is a PEM file: a public key must never become an HS256 secret")
    return Key(kid, "HS256", secret, secret)


def own_key(data_dir: Path) -> Key:
    """Return the key kept in `data_dir`, made on first use; only its owner can read the file."""
    path = data_dir / SECRET_FILE
    if not path.exists():
        _write_secret(path)
    return secret_key(_private_bytes(path))


def _write_secret(path: Path) -> None:
    """Write a new secret under another name and link it: two processes that start at once end up with the same one."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(secrets.token_hex(MIN_SECRET_BYTES).encode())
        out.flush()
        os.fsync(out.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _private_bytes(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise UnfitKey(f"{path} can be read by others; `chmod 600` it, or remove it to get a new one")
    return path.read_bytes().strip()


def load_keys(path: Path) -> KeyRing:
    """Read the key file: TOML with one `[[keys]]` table a key.

    Each has `kid`, `algorithm` (HS256, RS256, ES256 or EdDSA) and one of `secret`, `private`, `public`: a file, relative to
    the key file. A `public` one only verifies. Raises `UnfitKey` for anything else.
    """
    try:
        rows = tomllib.loads(path.read_text()).get("keys", [])
        return KeyRing([_load(path.parent, row) for row in rows])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UnfitKey(f"{path}: {error!r}") from None


def _load(folder: Path, row: Mapping[str, str]) -> Key:
    kid, algorithm = row["kid"], row["algorithm"]
    if algorithm == "HS256":
        return secret_key(_private_bytes(folder / row["secret"]), kid)
    if algorithm not in _FITS:
        raise UnfitKey(f"the key {kid!r}: {algorithm!r} is none of HS256, {', '.join(_FITS)}")
    signer, verifier = _pem(folder, row)
    if not _FITS[algorithm](verifier):
        raise UnfitKey(f"the key {kid!r} is not fit for {algorithm}")
    return Key(kid, algorithm, verifier, signer)


def _pem(folder: Path, row: Mapping[str, str]) -> tuple[Any, Any]:
    try:
        if "private" in row:
            private = load_pem_private_key(_private_bytes(folder / row["private"]), None)
            return private, private.public_key()
        return None, load_pem_public_key((folder / row["public"]).read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnfitKey(f"the key {row['kid']!r}: {error}") from None


def _is_rsa(key: object) -> bool:
    return isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS


def _is_p256(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _is_ed25519(key: object) -> bool:
    return isinstance(key, ed25519.Ed25519PublicKey)


_FITS: dict[str, Callable[[object], bool]] = {"RS256": _is_rsa, "ES256": _is_p256, "EdDSA": _is_ed25519}
