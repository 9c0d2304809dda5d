from pathlib import Path

import yaml

from tests.deploy.test_compose import services, settings_of

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_it_scrapes_the_front_end_of_the_compose_file() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    for target in job["static_configs"][0]["targets"]:
        service, port = target.split(":")
        settings = settings_of(services()[service])
        assert settings.port == int(port)
        assert service in settings.served_hosts, "it would be answered 421"
