"""What watches a box from outside: alert rules for Prometheus and dashboards for Grafana.

`rules.yml` goes into `rule_files` of Prometheus, `dashboards/*.json` into Grafana (Dashboards → Import). Both
name only what `/metrics` shows; a test holds them to that. `studio observability FOLDER` writes them out.
"""
