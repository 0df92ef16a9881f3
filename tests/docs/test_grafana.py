"""Every query of the dashboards and alerts is valid and names only metrics and labels that the daemon exports."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import promql_parser
import pytest
from ruamel.yaml import YAML

from adapters.prometheus.meter import PrometheusMeter
from adapters.prometheus.names import METRICS

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "grafana"
RULES = GRAFANA / "alerts" / "rules.yaml"
RUNBOOKS = ROOT / "deploy" / "runbooks"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
MIGRATIONS = ROOT / "adapters" / "postgres" / "sql" / "migrations"
HEADS = ["What it means", "Who is hurt", "Look first", "Mend", "Prevent"]
SCRAPED_LABELS = {"job", "instance", "le"}
VARIABLES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h", "$job": ".*", "$step": ".*"}


def rules() -> list[dict[str, Any]]:
    document = YAML(typ="safe").load(RULES)
    return [rule for group in document["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def dashboard(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def panels(path: Path) -> list[dict[str, Any]]:
    return [panel for panel in dashboard(path)["panels"] if panel["type"] != "row"]


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def expressions() -> Iterator[Any]:
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                yield pytest.param(target["expr"], id=f"{path.stem}: {panel['title']} {target['refId']}")
        for annotation in dashboard(path)["annotations"]["list"]:
            yield pytest.param(annotation["expr"], id=f"{path.stem}: {annotation['name']}")
    for rule in rules():
        yield pytest.param(rule["expr"], id=rule.get("alert") or rule["record"])


def exported() -> dict[str, set[str]]:
    """Series names to their labels: what we declare, what the client library adds, and what the rules record."""
    known = {series: {*spec.labels, *SCRAPED_LABELS} for spec in METRICS for series in spec.series}
    library = re.findall(
        r"^# TYPE ((?:process|python)_\w+)", PrometheusMeter().render("")[0].decode(), re.MULTILINE
    )
    recorded = {
        rule["record"]: {"job", "step", "direction", "outcome"} for rule in rules() if "record" in rule
    }
    return {**known, **dict.fromkeys(library, SCRAPED_LABELS), **recorded, "up": SCRAPED_LABELS}


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Every vector selector of a parsed expression: its metric and the labels that it matches on."""
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_is_valid_and_names_only_what_is_exported(expression: str) -> None:
    parsed = promql_parser.parse(filled(expression))
    # The parser's own form writes every selector with its name; functions and keywords are not selectors.
    names = set(re.findall(r"\b(?:isthmus[\w:]*|process_\w+|python_\w+|up)\b", parsed.prettify()))
    names -= {value for value in names if f'"{value}"' in expression}  # the value of a label
    known = exported()
    assert names, "an expression that reads nothing"
    assert names <= known.keys()
    for name, labels in selectors(filled(expression)):
        assert labels <= known[name], f"{name} has no label {labels - known[name]}"


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_groups_by_labels_that_its_metrics_have(expression: str) -> None:
    known = exported()
    text = filled(expression)
    names = set(re.findall(r"\b(?:isthmus[\w:]*|process_\w+|up)\b", text)) & known.keys()
    available = set().union(*(known[name] for name in names)) | SCRAPED_LABELS
    for clause in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", text):
        assert {label.strip() for label in clause.split(",")} <= available


def test_an_expression_with_a_misspelt_metric_would_be_seen() -> None:
    with pytest.raises(AssertionError):
        test_an_expression_is_valid_and_names_only_what_is_exported("sum(isthmus_leeder)")
    with pytest.raises(AssertionError):
        test_an_expression_is_valid_and_names_only_what_is_exported('isthmus_leader{steps="x"}')
    with pytest.raises(AssertionError):
        test_an_expression_groups_by_labels_that_its_metrics_have("sum by (stp) (isthmus_leader)")
    with pytest.raises(ValueError, match="unclosed"):
        promql_parser.parse("sum(isthmus_leader")


# dashboards


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = dashboard(path)
    assert re.fullmatch(r"isthmus-[a-z-]+", board["uid"])
    assert board["title"].startswith("Isthmus")
    assert board["description"].endswith("?")
    assert "id" not in board
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert {variable["name"] for variable in board["templating"]["list"]} >= {"datasource", "job"}


@pytest.mark.parametrize(
    "panel", [pytest.param(panel, id=panel["title"]) for path in DASHBOARDS for panel in panels(path)]
)
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 40
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    assert panel["targets"]
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_stay_within_the_grid_and_do_not_overlap(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    assert panels(path)
    for panel in dashboard(path)["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_uids_are_unique() -> None:
    uids = [dashboard(path)["uid"] for path in DASHBOARDS]
    assert uids
    assert len(set(uids)) == len(uids)


def test_provisioning_finds_the_dashboards_where_compose_mounts_them() -> None:
    provider = YAML(typ="safe").load(GRAFANA / "provisioning" / "dashboards" / "isthmus.yaml")["providers"][0]
    source = YAML(typ="safe").load(GRAFANA / "provisioning" / "datasources" / "prometheus.yaml")[
        "datasources"
    ][0]
    compose = YAML(typ="safe").load(ROOT / "deploy" / "compose.yaml")["services"]
    assert f"../grafana/dashboards:{provider['options']['path']}:ro" in compose["grafana"]["volumes"]
    assert source["url"].split("//")[1].split(":")[0] in compose


# alerts and runbooks


@pytest.mark.parametrize("alert", [pytest.param(alert, id=alert["alert"]) for alert in alerts()])
def test_an_alert_says_what_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert re.fullmatch(r"Isthmus[A-Z]\w+", alert["alert"])
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"deploy/runbooks/{alert['alert']}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {alert["alert"] for alert in alerts()} == {path.stem for path in RUNBOOKS.glob("*.md")}


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_has_the_five_heads_and_something_under_each(path: Path) -> None:
    title, *sections = re.split(r"^## ", path.read_text(), flags=re.MULTILINE)
    assert title.strip() == f"# {path.stem}"
    assert [section.splitlines()[0] for section in sections] == HEADS
    assert all(len(section.split("\n", 1)[1].strip()) > 20 for section in sections)
    for link in re.findall(r"\]\((\w+\.md)\)", path.read_text()):
        assert (RUNBOOKS / link).exists()


async def test_the_sql_of_the_runbooks_runs_on_the_daemons_own_tables(database: str) -> None:
    statements = re.findall(
        r"`((?:SELECT|UPDATE)\s[^`]+)`", "".join(path.read_text() for path in RUNBOOKS.glob("*.md"))
    )
    assert statements
    connection = await asyncpg.connect(database, timeout=10)
    try:
        await connection.execute("CREATE SCHEMA isthmus")
        for migration in sorted(MIGRATIONS.glob("*.sql")):
            await connection.execute(migration.read_text())
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on this machine")
@pytest.mark.parametrize(
    "arguments", [("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")]
)
def test_promtool_accepts_the_rules(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=RULES.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
