"""How the app proves who it is, in the form msal takes it."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.adapters.microsoft.clouds import Cloud
from shared.adapters.microsoft.config import (
    Certificate,
    ClientSecret,
    Credential,
    ManagedIdentity,
)
from shared.domain.errors import AccessDeniedError, SettingsError

_PEM_MARK = b"-----BEGIN"

Assertion = Callable[[], str]


def msal_credential(name: str, credential: Credential, cloud: Cloud) -> Any:  # noqa: ANN401 - msal has no types
    """Return what msal takes as ``client_credential``.

    Raises:
        SettingsError: The certificate cannot be read; the message names the connection.
    """
    if isinstance(credential, ClientSecret):
        return credential.value
    if isinstance(credential, Certificate):
        return _certificate(name, credential)
    return {"client_assertion": managed_identity_assertion(name, credential, cloud)}


def managed_identity_assertion(name: str, identity: ManagedIdentity, cloud: Cloud) -> Assertion:
    """Return a function that asks the platform for a token which stands for the app.

    It raises ``AccessDeniedError`` where the platform has no such identity. The platform's answer
    is kept until it expires.
    """
    kept: list[Any] = []

    def assertion() -> str:
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - slow to load
        from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - and seldom needed

        if not kept:
            kept.append(ManagedIdentityCredential(client_id=identity.client_id))
        try:
            token: str = kept[0].get_token(f"{cloud.token_exchange}/.default").token
        except ClientAuthenticationError as error:
            raise AccessDeniedError(
                f"{name}: the managed identity gave no token ({type(error).__name__})",
                "Assign the managed identity to the function app, and name its client id in "
                f"MICROSOFT__{name}__MANAGED_IDENTITY_CLIENT_ID.",
                everywhere=True,
            ) from error
        return token

    return assertion


def _certificate(name: str, given: Certificate) -> dict[str, str]:
    """Return key and certificates as PEM, whatever they came as."""
    # Slow to load, and only certificates need it. It comes with msal.
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415 - as above
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - as above

    password = given.password.encode() if given.password else None
    try:
        content = _content(given.source)
        if _PEM_MARK in content:
            key = serialization.load_pem_private_key(content, password)
            chain = load_pem_x509_certificates(content)
        else:
            loaded = pkcs12.load_pkcs12(content, password)
            if loaded.key is None or loaded.cert is None:
                raise ValueError("key or certificate is missing")  # noqa: TRY301 - one way out
            key = loaded.key
            chain = [one.certificate for one in (loaded.cert, *loaded.additional_certs)]
    except (OSError, ValueError, TypeError):
        # The cause is left out: it may quote what it could not read.
        raise SettingsError(
            f"MICROSOFT__{name}__CERTIFICATE: must be a PEM or PFX with a private key, "
            "as text, in base64, or as the path of a file"
        ) from None
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = b"".join(one.public_bytes(pem) for one in chain)
    return {"private_key": private.decode(), "public_certificate": public.decode()}


def _content(source: str) -> bytes:
    text = source.strip()
    if text.encode().startswith(_PEM_MARK) or _PEM_MARK.decode() in text:
        return text.replace("\\n", "\n").encode()
    path = Path(text)
    try:
        if path.is_file():
            return path.read_bytes()
    except OSError:
        pass  # base64 is too long for a file's name
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("neither a file nor base64") from error
