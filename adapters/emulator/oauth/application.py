"""The connected app of the org: its consumer key and secret, and the certificate that signs JWT assertions."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_KEY_FILE = "emulator-private-key.pem"


@dataclass(frozen=True, slots=True)
class Application:
    """A client of the login service. `run_as` is the user id behind the client credentials flow."""

    client_id: str
    client_secret: str
    private_key_file: Path
    public_key: rsa.RSAPublicKey
    run_as: str


def make_application(directory: Path, rng: random.Random, run_as: str) -> Application:
    """An application with a fresh consumer key and secret, and the key pair of the directory, made there when there is none."""
    path = directory / _KEY_FILE
    key = _read(path) if path.exists() else _write(path)
    alphabet = string.ascii_letters + string.digits
    return Application(
        client_id="3MVG9" + "".join(rng.choices(alphabet, k=80)),
        client_secret="".join(rng.choices("0123456789ABCDEF", k=64)),
        private_key_file=path,
        public_key=key.public_key(),
        run_as=run_as,
    )


def _write(path: Path) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(pem)
    return key


def _read(path: Path) -> rsa.RSAPrivateKey:
    # It was made here and guards an emulated org: to prove its primes anew would cost every start a tenth of a second.
    key = serialization.load_pem_private_key(
        path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path} holds no RSA private key")
    return key
