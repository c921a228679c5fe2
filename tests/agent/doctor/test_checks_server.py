"""What the doctor says of the server: its packages, its port, its certificate, its folder."""

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.cli.main import main
from agent.config.load import Config
from agent.doctor import checks_server
from agent.doctor.certificate import examine, problem
from agent.doctor.checks_server import Address, server
from agent.doctor.finding import Finding

pytestmark = pytest.mark.anyio
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def make(
    folder: Path,
    names: tuple[str, ...] = ("parley.example", "*.house.example", "10.0.0.5"),
    begin: datetime = NOW - DAY,
    end: datetime = NOW + 90 * DAY,
    password: bytes | None = None,
) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key, mode 0600."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "parley")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, begin, end)
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        for name in names
    ]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain: serialization.KeySerializationEncryption = serialization.NoEncryption()
    secret = serialization.BestAvailableEncryption(password) if password else plain
    form = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, secret))
    key_file.chmod(0o600)
    return cert_file, key_file


def only(findings: list[Finding]) -> tuple[str, str]:
    (finding,) = findings
    assert finding.subject == "certificate"
    assert finding.fix or finding.state == "ok"
    return finding.state, finding.detail


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("parley.example", ""),
        ("PARLEY.example", ""),
        ("kitchen.house.example", ""),
        ("10.0.0.5", ""),
        ("0.0.0.0", ""),
        ("::", ""),
        ("a.kitchen.house.example", "not for a.kitchen.house.example"),
        ("house.example", "not for house.example"),
        ("127.0.0.1", "is for parley.example, *.house.example, 10.0.0.5, not for 127.0.0.1"),
    ],
)
def test_the_names_of_a_certificate(tmp_path: Path, host: str, told: str) -> None:
    state, detail = only(examine(*make(tmp_path), host))
    assert state == ("note" if told else "ok")
    assert told in detail


@pytest.mark.parametrize(
    ("begin", "end", "state", "told"),
    [
        (-2, -1, "missing", f"has expired on {NOW - DAY:%Y-%m-%d}"),
        (1, 9, "missing", "is not valid before"),
        (-9, 3, "note", f"expires on {NOW + 3 * DAY:%Y-%m-%d}"),
    ],
)
def test_when_a_certificate_is_good(
    tmp_path: Path, begin: int, end: int, state: str, told: str
) -> None:
    files = make(tmp_path, begin=NOW + begin * DAY, end=NOW + end * DAY)
    found = only(examine(*files, "parley.example"))
    assert found[0] == state
    assert told in found[1]


def test_a_certificate_without_names_and_a_key_that_others_read(tmp_path: Path) -> None:
    cert, key = make(tmp_path, names=())
    assert only(examine(cert, key, "0.0.0.0"))[0] == "missing"
    cert, key = make(tmp_path)
    key.chmod(0o644)
    assert only(examine(cert, key, "0.0.0.0")) == ("note", f"{key} is not yours alone")


def test_what_is_no_certificate_and_its_key(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cert, key = make(tmp_path)
    other, _ = make(tmp_path / "other", password=b"secret")
    assert problem(cert, key) == ""
    assert "it is the key of another certificate" in problem(other, key)
    assert "the key is none, or has a password" in problem(other, other.with_name("key.pem"))
    assert "the key is none, or has a password" in problem(cert, cert)
    assert "the first is no certificate in PEM form" in problem(key, key)
    gone = tmp_path / "gone.pem"
    assert "(gone.pem: No such file or directory)" in problem(cert, gone)
    assert f"({tmp_path.name}: Is a directory)" in problem(tmp_path, key)
    assert only(examine(other, key, "x"))[0] == "missing"


async def test_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (finding,) = await server(Config(), Address(port=port))
    assert (finding.state, finding.subject) == ("note", "server")
    assert f"port {port} is not free" in finding.detail
    (finding,) = await server(Config(), Address(port=port))
    assert (finding.state, finding.detail) == ("ok", f"installed; port {port} is free")
    (finding,) = await server(Config(), Address(host="no.such.host.invalid"))
    assert finding.state == "note"


async def test_the_folder_and_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file := tmp_path / "file").touch()
    for folder, state in ((tmp_path / "a" / "b", "ok"), (file / "b", "missing")):
        config = Config.model_validate({"server": {"record": str(folder)}})
        _, finding = await server(config, Address(port=0))
        assert (finding.state, finding.subject) == (state, "server.record")
    monkeypatch.setattr(checks_server, "PACKAGES", ("starlette", "no-such-package"))
    (finding,) = await server(Config())
    assert finding.state == "note"
    assert finding.detail == "parley serve needs no-such-package"
    assert "[server]" in finding.fix


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cert, key = make(tmp_path, end=NOW - DAY / 2)
    arguments = ["--port", "0", "--tls-cert", str(cert), "--tls-key", str(key)]
    assert main(["doctor", "offline", *arguments, "--host", "10.0.0.5"]) == 1
    assert "missing  certificate" in capsys.readouterr().out
    assert main(["doctor", "offline", *arguments[:4]]) == 1
    assert "-> give both of --tls-cert and --tls-key" in capsys.readouterr().out
