from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_it_scrapes_the_front_end_of_the_compose_file() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())
    assert job["metrics_path"] == "/metrics"
    for target in job["static_configs"][0]["targets"]:
        service, port = target.split(":")
        assert port in compose["services"][service]["command"]
