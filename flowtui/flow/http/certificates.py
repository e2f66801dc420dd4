"""Whose certificates are trusted: those of the environment, the system's, certifi's, a CA file.

Clusters set these variables for their own tools, and environments that are gone leave them behind.
What cannot be used is passed over, and named where a certificate then turns out not to be trusted.
"""

from __future__ import annotations

import errno
import os
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flowtui.flow.errors import FlowError
from flowtui.system.descriptors import shortage
from flowtui.system.files import UnfitFile, check_regular
from flowtui.text.printable import printable

INSTEAD = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that take the place of all authorities, as OpenSSL has it."""

BESIDE = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables of other programs whose authorities are added: a file or a folder."""

SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)
"""Where the system's own authorities are, an institute's among them; the first that is there."""


MOST = 64 << 20
"""Bytes of a CA file."""


class BadCertificateFile(FlowError):
    """The CA file of the settings cannot be used; the message says which and why."""

    default_code = "BAD_CERTIFICATE_FILE"


@dataclass(frozen=True)
class Trust:
    """What servers are checked with, and what the environment has to do with it, in words."""

    context: ssl.SSLContext
    words: str


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """What to check servers with; `ca_file` is the setting. Raises BadCertificateFile."""
    return _trust(ca_file, _environment()).context


def trust_in_words() -> str:
    """What of the environment is trusted or could not be used, as `; NAME=value …`, or nothing."""
    return _trust(None, _environment()).words


def _environment() -> tuple[tuple[str, str], ...]:
    return tuple((name, os.environ.get(name, "")) for name in (*INSTEAD, *BESIDE))


@cache
def _trust(ca_file: str | None, environment: tuple[tuple[str, str], ...]) -> Trust:
    """One context for all clients: making one reads the whole list of authorities."""
    named = {name: place for name, place in environment if place}
    context = None
    loaded: set[str] = set()
    words = ""
    for name, place in named.items():
        if place in loaded:
            continue
        if context is None and name in BESIDE:
            context = _usual()
        try:
            if context is None:
                file, folder = _file_or_folders(place)
                context = ssl.create_default_context(cafile=file, capath=folder)
                words += f"; trusting the certificates of {name}={place}"
            else:
                context.load_verify_locations(*_file_or_folders(place))
            loaded.add(place)
        except ssl.SSLError:
            words += f"; {name}={place} was not used (it holds no certificates)"
        except OSError as error:
            if shortage(error):
                raise  # it will be there: what is made without it would trust nobody for good
            words += f"; {name}={place} was not used ({error.strerror})"
    context = context or _usual()
    if ca_file:
        try:
            path = Path(ca_file).expanduser()
            check_regular(path, MOST)
            context.load_verify_locations(cafile=path)
        except UnfitFile as error:
            raise BadCertificateFile(f"cannot use the CA file {ca_file}: {error.what}") from error
        except (OSError, ssl.SSLError, RuntimeError) as error:  # RuntimeError: ~ of nobody
            raise BadCertificateFile(f"cannot use the CA file {ca_file}: {error}") from error
    return Trust(context, printable(words))


def _usual() -> ssl.SSLContext:
    """Certifi's authorities, and the system's beside them."""
    import certifi

    context = ssl.create_default_context(cafile=certifi.where())
    for place in SYSTEM_FILES:
        try:
            context.load_verify_locations(cafile=place)
        except (OSError, ssl.SSLError) as error:
            if shortage(error):
                raise
            continue  # there are certifi's, and other systems have it elsewhere
        break
    return context


def _file_or_folders(place: str) -> tuple[str | None, str | None]:
    """A file, or folders with a colon between them, as OpenSSL takes SSL_CERT_DIR.

    Raises FileNotFoundError.
    """
    if Path(place).is_file():
        return place, None
    if any(Path(part).is_dir() for part in place.split(":")):
        return None, place
    raise FileNotFoundError(errno.ENOENT, "there is no such file")
