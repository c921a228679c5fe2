"""A certificate and its key, for https: can they be used, until when, and by which names."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IRWXG, S_IRWXO
from typing import TYPE_CHECKING

from agent.doctor.finding import Finding

if TYPE_CHECKING:
    from cryptography import x509

SOON = timedelta(days=14)
"""How long before its end a certificate is said to end soon."""
RENEW = "renew it: clients refuse one that has expired"
SUBJECT = "certificate"


def problem(cert: Path, key: Path) -> str:
    """Return why they are no certificate and its key that a server can use; "" if they are."""
    reason = ""
    try:
        for file in (cert, key):
            file.read_bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # A password cannot be asked for: an empty one fails at once.
        context.load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            reason = "it is the key of another certificate"
        elif _is_certificate(cert):
            reason = "the key is none, or has a password"
        else:
            reason = "the first is no certificate in PEM form"
    except (OSError, ValueError) as error:
        reason = f"{file.name}: {getattr(error, 'strerror', None) or error}"
    return f"{cert} and {key} are no certificate and its key ({reason})" if reason else ""


def examine(cert: Path, key: Path, host: str) -> list[Finding]:
    """Return what is to be said of them; `host` is the address to listen at, or a name of it."""
    if told := problem(cert, key):
        return [Finding("missing", SUBJECT, told, "two PEM files, the key without a password")]
    from cryptography import x509

    certificate = x509.load_pem_x509_certificates(cert.read_bytes())[0]
    names = _names(certificate)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    now, day = datetime.now(UTC), f"{end:%Y-%m-%d}"
    findings = []
    if now > end:
        findings.append(Finding("missing", SUBJECT, f"{cert} has expired on {day}", RENEW))
    elif now < begin:
        what = f"{cert} is not valid before {begin:%Y-%m-%d %H:%M} UTC"
        findings.append(Finding("missing", SUBJECT, what, "wait, or look at this computer's clock"))
    elif end - now < SOON:
        findings.append(Finding("note", SUBJECT, f"{cert} expires on {day}", RENEW))
    if not names:
        what = f"{cert} names no host (subjectAltName): clients refuse it"
        findings.append(Finding("missing", SUBJECT, what, "make one that names this computer"))
    elif not _any_address(host) and not any(_is(name, host) for name in names):
        what = f"{cert} is for {', '.join(names)}, not for {host}"
        fix = f"clients that ask for {host} refuse it: make one that names it"
        findings.append(Finding("note", SUBJECT, what, fix))
    if key.stat().st_mode & (S_IRWXG | S_IRWXO):
        findings.append(Finding("note", SUBJECT, f"{key} is not yours alone", f"chmod 600 {key}"))
    return findings or [Finding("ok", SUBJECT, f"for {', '.join(names)}, until {day}")]


def _is_certificate(file: Path) -> bool:
    try:
        ssl.PEM_cert_to_DER_cert(_first(file.read_text("ascii")))
    except ValueError:
        return False
    return True


def _first(text: str) -> str:
    """The first certificate of a chain."""
    start = max(0, text.find(ssl.PEM_HEADER))
    end = text.find(ssl.PEM_FOOTER)
    return text[start : end + len(ssl.PEM_FOOTER)]


def _names(certificate: "x509.Certificate") -> list[str]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _any_address(host: str) -> bool:
    """Whether it stands for all addresses of this computer, and says nothing of its names."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _is(name: str, host: str) -> bool:
    """Whether a certificate's name is a host's; its first part may be a star."""
    name, host = name.lower(), host.lower().strip("[]")
    return name == host or (name.startswith("*.") and name[1:] == f".{host.partition('.')[2]}")
