import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.main import ROUTERS
from sepme_core.settings import Settings
from tests.app.running import running
from tests.deploy.test_compose import services, settings_of

DEPLOY = Path(__file__).parents[2] / "deploy"
SERIES = re.compile(r"(sepme_\w+)(?:\{(\w+)=\"(\w+)\"\})?")
ROUTE = re.compile(r"(GET|POST) (/[a-z/{}]+)")


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    groups = [yaml.safe_load((DEPLOY / file).read_text())["groups"] for file in loaded["rule_files"]]
    return [rule for each in groups for group in each for rule in group["rules"]]


def test_it_scrapes_the_front_end_of_the_compose_file() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    for target in job["static_configs"][0]["targets"]:
        service, port = target.split(":")
        settings = settings_of(services()[service])
        assert settings.port == int(port)
        assert service in settings.served_hosts, "it would be answered 421"


@pytest.mark.usefixtures("environment_without_settings")
def test_what_alerts_look_at_is_told_from_the_first_scrape_on(tmp_path: Path, sqlite_url: str) -> None:
    """A series that is missing raises no alert, and one that begins at 1 shows no increase."""
    with running(Settings(home=tmp_path, database_url=sqlite_url)) as service, service.client() as client:
        families = list(text_string_to_metric_families(client.get("/metrics").text))
    told = {(sample.name, *next(iter(sample.labels.items()), ())) for each in families for sample in each.samples}
    asked = [(rule["alert"], SERIES.findall(rule["expr"])) for rule in rules()]
    assert len({name for name, _ in asked}) == len(asked) >= 3
    for name, series in asked:
        assert series, name
        for each in series:
            assert tuple(part for part in each if part) in told, name


def test_alerts_say_what_happened_and_what_to_ask() -> None:
    there = {
        (method, getattr(route, "path", ""))
        for router in ROUTERS
        for route in router.routes
        for method in getattr(route, "methods", ())
    }
    for rule in rules():
        assert rule["annotations"]["summary"]
        named = ROUTE.findall(rule["annotations"]["description"])
        assert named, rule["alert"]
        assert set(named) <= there, rule["alert"]
