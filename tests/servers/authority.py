"""A certificate authority of the tests' own, which is its servers' certificate, too."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def made_authority(folder: Path, *names: str) -> Path:
    """A certificate for 127.0.0.1 that nobody knows, with its key, in one file.

    Args:
        folder: Where the file is written.
        names: Further names of the server. The authority is another certificate then, in the same
            file: uv takes none that is both.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    if not names:
        own = _certificate("inner server", key, key, "inner server", ("127.0.0.1",), ca=True)
        return _written(folder, key, own)
    above = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("inner authority", above, above, "inner authority", (), ca=True)
    leaf = _certificate(
        "inner server", key, above, "inner authority", ("127.0.0.1", *names), ca=False
    )
    return _written(folder, key, leaf, authority)


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: str,
    names: tuple[str, ...],
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        places = [
            x509.IPAddress(IPv4Address(name)) if name[0].isdigit() else x509.DNSName(name)
            for name in names
        ]
        made = made.add_extension(x509.SubjectAlternativeName(places), critical=False)
    return made.sign(signer, hashes.SHA256())


def _written(
    folder: Path, key: ec.EllipticCurvePrivateKey, *certificates: x509.Certificate
) -> Path:
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
    )
    return path


def secure(authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    return context
