"""The configuration: what wins, and what a wrong setting is told."""

from pathlib import Path

import pytest

from homeroom.config import MEANINGS, Config, ConfigError, allowed_shape, load_config


def test_nothing_set_gives_the_defaults() -> None:
    assert load_config({}) == Config()


def test_the_environment_beats_the_default_and_the_command_line_beats_both() -> None:
    environment = {"HOMEROOM_PORT": "9000", "HOMEROOM_HOST": "127.0.0.2"}
    config = load_config(environment, {"port": 9001, "host": None})
    assert (config.port, config.host) == (9001, "127.0.0.2")


def test_a_list_is_given_with_commas() -> None:
    config = load_config({"HOMEROOM_ALLOWED_ORIGINS": "https://a.example,https://b.example"})
    assert config.allowed_origins == ("https://a.example", "https://b.example")


def test_database_url_is_read_from_the_name_every_host_uses() -> None:
    assert load_config({"DATABASE_URL": "postgres://db/x"}).database_url == "postgres://db/x"


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("HOMEROOM_PORT", "eighty", "HOMEROOM_PORT='eighty'"),
        ("HOMEROOM_PORT", "70000", "65535"),
        ("HOMEROOM_LOG_LEVEL", "loud", "debug | info | warning | error"),
        ("HOMEROOM_PROT", "8001", "did you mean HOMEROOM_PORT?"),
        ("HOMEROOM_CHAT_PER_MINUTE", "0", ">= 1"),
        ("HOMEROOM_CHATS_PER_MINUTE", "60", "no setting"),
        ("HOMEROOM_ACCESS_TTL_S", "50000", "43200"),
        ("HOMEROOM_UPLOAD_TYPES", "image/png,text/html", "'text/html' is no type"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(variable: str, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({variable: text})
    assert says in str(caught.value)


def test_the_command_lines_own_variables_are_no_settings() -> None:
    assert load_config({"HOMEROOM_TOKEN": "x", "HOMEROOM_URL": "http://127.0.0.1:1"}) == Config()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "school.example"])  # noqa: S104 - refused
def test_the_demo_school_refuses_a_public_address(host: str) -> None:
    with pytest.raises(ConfigError, match="demo"):
        load_config({}, {"demo": True, "host": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_the_demo_school_may_listen_on_loopback(host: str) -> None:
    assert load_config({}, {"demo": True, "host": host}).loopback


def test_every_setting_can_say_what_it_takes() -> None:
    shapes = {name: allowed_shape(name) for name in Config.__struct_fields__}
    assert shapes["port"] == "a whole number from 0 to 65535"
    assert shapes["allowed_origins"] == "texts with commas between"
    assert shapes["log_format"] == "auto | console | json"
    assert all(shapes.values())


def test_every_setting_is_explained_and_stands_in_the_operators_page() -> None:
    page = (Path(__file__).parent.parent / "docs" / "operating.md").read_text(encoding="utf-8")
    assert set(MEANINGS) == set(Config.__struct_fields__)
    missing = [name for name in MEANINGS if f"`HOMEROOM_{name.upper()}`" not in page]
    assert not missing
