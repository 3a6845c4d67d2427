"""The keys of tokens: made, kept private, and refused at the start when they are no good (A12)."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from homeroom.http.keys import SECRET_FILE, KeyRing, UnfitKey, load_keys, own_key, secret_key


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def write(folder: Path, name: str, data: bytes, mode: int = 0o600) -> None:
    (folder / name).write_bytes(data)
    (folder / name).chmod(mode)


def key_file(folder: Path, text: str) -> Path:
    (folder / "keys.toml").write_text(text)
    return folder / "keys.toml"


def test_the_own_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first, second = own_key(tmp_path), own_key(tmp_path)
    assert first.verifier == second.verifier
    assert len(first.verifier) == 64
    assert (tmp_path / SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [SECRET_FILE]


def test_an_own_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    own_key(tmp_path)
    (tmp_path / SECRET_FILE).chmod(0o644)
    with pytest.raises(UnfitKey, match="chmod 600"):
        own_key(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 31])
def test_a12_a_secret_under_32_bytes_is_refused(tmp_path: Path, size: int) -> None:
    write(tmp_path, SECRET_FILE, b"s" * size)
    with pytest.raises(UnfitKey, match="at least 32"):
        own_key(tmp_path)


def test_a_pem_file_is_never_an_hmac_secret() -> None:
    with pytest.raises(UnfitKey, match="PEM"):
        secret_key(public_pem(ec.generate_private_key(ec.SECP256R1())))


def test_a_key_never_shows_its_secret() -> None:
    assert "ssss" not in repr(secret_key(b"s" * 32))


def test_what_is_derived_follows_from_the_key_that_signs_and_from_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "es.pem", private_pem(ec.generate_private_key(ec.SECP256R1())))
    own, other = KeyRing([secret_key(b"k" * 32)]), KeyRing([secret_key(b"l" * 32)])
    curve = [load_keys(key_file(tmp_path, one_key("ES256", private="es.pem"))) for _ in range(2)]
    assert own.derive("link", "ann") == KeyRing([secret_key(b"k" * 32)]).derive("link", "ann")
    assert curve[0].derive("link", "ann") == curve[1].derive("link", "ann")
    rings = (own, other, curve[0])
    found = {ring.derive(*texts) for ring in rings for texts in (("link", "ann"), ("link", "bob"), ("salt", "ann"))}
    assert (len(found), {len(octets) for octets in found}) == (9, {16})


def test_a_key_file_names_keys_of_every_algorithm(tmp_path: Path) -> None:
    write(tmp_path, "rsa.pem", private_pem(rsa.generate_private_key(65537, 2048)))
    write(tmp_path, "ec.pem", public_pem(ec.generate_private_key(ec.SECP256R1())), 0o644)
    write(tmp_path, "ed.pem", private_pem(ed25519.Ed25519PrivateKey.generate()))
    write(tmp_path, "hmac.secret", b"s" * 40)
    ring = load_keys(
        key_file(
            tmp_path,
            """
            [[keys]]
            kid = "partner"
            algorithm = "ES256"
            public = "ec.pem"
            [[keys]]
            kid = "main"
            algorithm = "RS256"
            private = "rsa.pem"
            [[keys]]
            kid = "next"
            algorithm = "EdDSA"
            private = "ed.pem"
            [[keys]]
            kid = "old"
            algorithm = "HS256"
            secret = "hmac.secret"
            """,
        )
    )
    assert ring.signing.kid == "main"
    found = [ring.find(kid) for kid in ("partner", "main", "next", "old")]
    assert [key.algorithm for key in found if key] == ["ES256", "RS256", "EdDSA", "HS256"]


def one_key(algorithm: str, **files: str) -> str:
    lines = "\n".join(f'{name} = "{value}"' for name, value in files.items())
    return f'[[keys]]\nkid = "k"\nalgorithm = "{algorithm}"\n{lines}\n'


def test_a_weak_rsa_key_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "weak.pem", private_pem(rsa.generate_private_key(65537, 1024)))  # noqa: S505 - weak on purpose
    with pytest.raises(UnfitKey, match="not fit for RS256"):
        load_keys(key_file(tmp_path, one_key("RS256", private="weak.pem")))


def test_a_key_of_another_kind_than_its_algorithm_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "ed.pem", private_pem(ed25519.Ed25519PrivateKey.generate()))
    write(tmp_path, "p384.pem", private_pem(ec.generate_private_key(ec.SECP384R1())))
    for name in ("ed.pem", "p384.pem"):
        with pytest.raises(UnfitKey, match="not fit for ES256"):
            load_keys(key_file(tmp_path, one_key("ES256", private=name)))


@pytest.mark.parametrize("algorithm", ["none", "HS384", "RS512", "PS256", "ES512"])
def test_other_algorithms_are_refused(tmp_path: Path, algorithm: str) -> None:
    write(tmp_path, "x", b"s" * 64)
    with pytest.raises(UnfitKey, match="is none of HS256"):
        load_keys(key_file(tmp_path, one_key(algorithm, secret="x")))


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "ed.pem", private_pem(ed25519.Ed25519PrivateKey.generate()), 0o640)
    with pytest.raises(UnfitKey, match="chmod 600"):
        load_keys(key_file(tmp_path, one_key("EdDSA", private="ed.pem")))


def test_a_ring_in_which_nothing_signs_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "ed.pem", public_pem(ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(UnfitKey, match="no key can sign"):
        load_keys(key_file(tmp_path, one_key("EdDSA", public="ed.pem")))


@pytest.mark.parametrize(
    "text", ["", "keys = 1", "[[keys]]\nkid = 'k'", "not toml", one_key("EdDSA", private="absent")]
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnfitKey):
        load_keys(key_file(tmp_path, text))


def test_a_key_is_found_by_its_exact_name_only() -> None:
    ring = KeyRing([secret_key(b"s" * 32, "k")])
    assert ring.find("k") is ring.signing
    assert [ring.find(name) for name in ("K", "", None, 1, ["k"], "k\x00")] == [None] * 6
