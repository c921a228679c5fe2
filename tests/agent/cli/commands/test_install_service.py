"""`parley install-service`: what is written, escaped, refused and taken away."""

import plistlib
import shlex
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.cli.services import Service

HOSTILE = "a b\"c\\d$e%f'g\n;h"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "my config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def service(**changes: object) -> Service:
    parts: dict[str, object] = {
        "name": "parley",
        "command": ["/opt/parley", "talk", HOSTILE],
        "folder": Path("/home/a b%c"),
        "secrets": Path("/home/a/environment"),
        "environment": {"LANG": "de", "ODD": HOSTILE},
    }
    return Service(**{**parts, **changes})  # type: ignore[arg-type]


def test_a_unit_keeps_every_word_as_it_is() -> None:
    lines = service().systemd().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    # systemd's quoting undone: a doubled % is a %, a doubled $ a $, and the rest is as in a shell.
    words = shlex.split(values["ExecStart"].replace("$$", "$"))
    assert [word.replace("%%", "%").replace("\\n", "\n") for word in words][2] == HOSTILE
    assert values["WorkingDirectory"] == "/home/a b%%c"
    assert values["EnvironmentFile"] == "-/home/a/environment"
    assert values["Environment"] == '"ODD=a b\\"c\\\\d$e%%f\'g\\n;h"'
    assert values["Restart"] == "on-failure"
    assert values["WantedBy"] == "default.target"
    assert "ExecReload" not in values
    server = service(command=["/opt/parley", "serve", "offline"]).systemd()
    assert "\nExecReload=/bin/kill -HUP $MAINPID\n" in server


def test_a_property_list_keeps_every_word_as_it_is() -> None:
    read = plistlib.loads(service().launchd(Path("/tmp/x.log")))
    assert read["ProgramArguments"][-3:] == ["/opt/parley", "talk", HOSTILE]
    assert read["EnvironmentVariables"]["ODD"] == HOSTILE
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["Label"] == "org.parley.parley"


def test_it_is_written_replaced_and_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "my.yaml").write_text("agent: {name: Ada}\n")
    unit = home / "my config/systemd/user/desk.service"
    arguments = ["install-service", "my.yaml", "--name", "desk", "--for", "systemd"]
    assert main([*arguments, "--print"]) == 0
    assert not unit.exists()
    shown = capsys.readouterr().out
    assert main(arguments) == 0
    assert unit.read_text() == shown
    assert str(home / "my.yaml") in shown
    assert "systemctl --user enable --now desk" in capsys.readouterr().out
    assert main(arguments) == 0
    assert f"{unit}: replaced" in capsys.readouterr().out
    assert main(["install-service", "--remove", "--name", "desk", "--for", "systemd"]) == 0
    assert not unit.exists()
    assert main(["install-service", "--remove", "--name", "desk", "--for", "systemd"]) == 1
    assert "there is no such service" in capsys.readouterr().err


def test_launchd_has_it_in_the_user_s_folder(home: Path) -> None:
    assert main(["install-service", "offline", "--for", "launchd", "--command", "serve"]) == 0
    read = plistlib.loads((home / "Library/LaunchAgents/org.parley.parley.plist").read_bytes())
    assert read["ProgramArguments"][-2:] == ["serve", "offline"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no.yaml"], "no.yaml: no such file or preset"),
        (["offline", "--env", "OPENAI_API_KEY=sk-hush-hush"], "a secret is not written there"),
        (["offline", "--env", "NOT_SET_ANYWHERE"], "--env NOT_SET_ANYWHERE: it is not set"),
        (["offline", "--env", "a b=c"], "--env: 'a b' is no name of a variable"),
        (["offline", "--name", "../x"], "--name: letters, digits"),
        (["openai", "--set", "llm.api_key=sk-hush-hush"], "--set llm.api_key: a secret is not"),
    ],
)
def test_what_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install-service", *arguments, "--print"]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert "sk-hush" not in error
