"""What is shipped in deploy/ is what its readers will run: hardened, valid, and pointing at files that exist."""

import importlib.util
import itertools
import json
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from daemon.settings.load import load
from tests.support.command_help import unknown_options

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "isthmus.service"
KUBERNETES = DEPLOY / "kubernetes"
NOT_BUILT_IN = {"Kustomization", "PodMonitor"}  # kinds whose schemas Kubernetes itself does not carry
ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}

HARDENING = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "PrivateMounts": "yes",
    "ProtectHostname": "yes",
    "ProtectClock": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectProc": "invisible",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "UMask": "0077",
    "SystemCallArchitectures": "native",
    "LimitCORE": "0",
}


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#;[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in YAML(typ="safe").load_all(path) if document is not None]


def manifests() -> Iterator[Any]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for document in documents(path):
            yield pytest.param(document, id=f"{path.stem}-{document['kind']}")


def pods() -> Iterator[Any]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for document in documents(path):
            if document["kind"] in {"Deployment", "Job"}:
                yield pytest.param(document["spec"]["template"]["spec"], id=document["metadata"]["name"])


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    [document] = documents(DEPLOY / "compose.yaml")
    return document


@pytest.fixture(scope="module")
def credentials() -> ModuleType:
    spec = importlib.util.spec_from_file_location("credentials", DEPLOY / "compose" / "credentials.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# systemd


@pytest.mark.parametrize(("key", "value"), list(HARDENING.items()))
def test_the_unit_is_hardened(key: str, value: str) -> None:
    assert unit()[key] == [value]


def test_the_unit_filters_system_calls() -> None:
    assert unit()["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


def test_the_unit_leaves_proc_readable_for_the_process_metrics() -> None:
    assert "ProcSubset" not in unit()


def test_the_unit_is_watched_checked_and_not_restarted_in_vain() -> None:
    service = unit()
    assert service["Type"] == ["notify"]
    assert service["WatchdogSec"] == ["30"]
    assert service["TimeoutStopSec"] == ["30"]
    assert service["RestartPreventExitStatus"] == ["77 78"]
    [before] = service["ExecStartPre"]
    assert "isthmus config check --offline" in before
    assert not [value for value in service["Environment"] if re.search(r"PASSWORD|SECRET|TOKEN|KEY", value)]


def test_the_unit_loads_every_credential_that_the_example_names() -> None:
    example = (DEPLOY / "config" / "isthmus.example.yaml").read_text()
    code = "\n".join(line.partition(" #")[0] for line in example.splitlines() if not line.startswith("#"))
    wanted = set(re.findall(r"\{ credential: (\w+) \}", code))
    loaded = {value.partition(":")[0] for value in unit()["LoadCredential"]}
    assert wanted == loaded


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_scores_the_unit_below_two() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_knows_every_key_of_the_unit(tmp_path: Path) -> None:
    stand_in = tmp_path / "isthmus.service"
    stand_in.write_text(UNIT.read_text().replace("/opt/isthmus/bin/isthmus", "/bin/true"))
    command = ["systemd-analyze", "verify", str(stand_in)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    about_us = [
        line for line in done.stderr.splitlines() if "isthmus.service" in line
    ]  # other units have faults too
    assert about_us == []


# Kubernetes


@pytest.mark.parametrize("manifest", list(manifests()))
def test_a_manifest_fits_the_schema_of_kubernetes(manifest: dict[str, Any]) -> None:
    if manifest["kind"] not in NOT_BUILT_IN:
        kubernetes_validate.validate(manifest, "1.33", strict=True)
    assert (
        manifest["kind"] in {"Kustomization", "Namespace"} or manifest["metadata"]["namespace"] == "isthmus"
    )


def test_a_misspelt_manifest_would_be_seen() -> None:
    [deployment] = documents(KUBERNETES / "deployment.yaml")
    deployment["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.33", strict=True)


def test_the_kustomization_names_files_that_exist_and_no_secret() -> None:
    [kustomization] = documents(KUBERNETES / "kustomization.yaml")
    assert all((KUBERNETES / name).exists() for name in kustomization["resources"])
    assert not [name for name in kustomization["resources"] if "secret" in name or "podmonitor" in name]


@pytest.mark.parametrize("pod", list(pods()))
def test_a_pod_meets_the_restricted_profile(pod: dict[str, Any]) -> None:
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert pod["automountServiceAccountToken"] is False
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 65532
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod["containers"], *pod.get("initContainers", ())]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in security
        assert container["resources"]["limits"]["memory"]
        assert not [port for port in container.get("ports", ()) if "hostPort" in port]
        assert [variable["name"] for variable in container["env"]] == ["ISTHMUS_SECRETS_DIR"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted <= {volume["name"] for volume in pod["volumes"]}
    for volume in pod["volumes"]:
        [kind] = volume.keys() - {"name"}
        assert kind in ALLOWED_VOLUMES
        if kind == "secret":
            assert volume["secret"]["defaultMode"] == 0o400


def test_one_daemon_runs_at_a_time_and_is_probed_without_salesforce() -> None:
    [deployment] = documents(KUBERNETES / "deployment.yaml")
    spec = deployment["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    [container] = spec["template"]["spec"]["containers"]
    probes = {
        probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")
    }
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 30


def test_the_namespace_enforces_the_restricted_profile() -> None:
    [namespace] = documents(KUBERNETES / "namespace.yaml")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


# configuration


def configurations(tmp_path: Path) -> list[list[Path]]:
    [manifest] = documents(KUBERNETES / "configmap.yaml")
    for name, text in manifest["data"].items():
        (tmp_path / name).write_text(text)
    mounted = tmp_path / "isthmus.yaml"
    return [
        [DEPLOY / "config" / "isthmus.example.yaml"],
        [DEPLOY / "compose" / "isthmus.yaml"],
        [mounted],
        [mounted, tmp_path / "migrate.yaml"],
        *([path] for path in sorted((DEPLOY / "examples").glob("*/isthmus.yaml"))),
        *(
            [path, DEPLOY / "examples" / "on-this-machine.yaml"]
            for path in sorted((DEPLOY / "examples").glob("*/isthmus.yaml"))
        ),
    ]


def test_every_shipped_configuration_is_accepted(tmp_path: Path) -> None:
    shipped = configurations(tmp_path)
    assert sum(path.name == "isthmus.yaml" for path, *_ in shipped) > 3, "the examples are not among them"
    for paths in shipped:
        assert load(paths, {}).steps, paths


def test_each_mounted_secret_of_kubernetes_is_one_that_the_configuration_names(tmp_path: Path) -> None:
    [daemon, migration] = documents(KUBERNETES / "secret.example.yaml")
    [manifest] = documents(KUBERNETES / "configmap.yaml")
    named = set(re.findall(r"credential: (\w+)", manifest["data"]["isthmus.yaml"]))
    assert set(daemon["stringData"]) == named
    assert "pg_owner_password" in migration["stringData"]


# compose and image


def sources(compose: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, service in compose["services"].items():
        for volume in service.get("volumes", ()):
            yield name, volume.split(":")[0]


def test_every_file_that_compose_mounts_exists(compose: dict[str, Any]) -> None:
    mounted = list(sources(compose))
    assert mounted
    for service, source in mounted:
        if source.startswith("."):
            assert (DEPLOY / source).exists(), f"{service} mounts {source}"
        else:
            assert source in compose["volumes"], f"{service} mounts {source}"


def test_compose_has_every_part_and_each_that_stays_is_probed(compose: dict[str, Any]) -> None:
    services = compose["services"]
    staying = {"postgres", "emulator", "isthmus", "prometheus", "grafana"}
    assert set(services) == staying | {"passwords", "org-credentials", "migrate"}
    for name in staying:
        assert services[name]["healthcheck"]["test"], name
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            expected = "service_healthy" if other in staying else "service_completed_successfully"
            assert condition == {"condition": expected}, f"{name} depends on {other}"


def test_compose_gives_the_daemon_no_secret_by_environment_and_opens_only_this_machine(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        for variable in service.get("environment", {}):
            assert not re.search(r"(PASSWORD|SECRET|TOKEN)(?!_FILE|S_DIR)", variable), f"{name}: {variable}"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    for name in ("isthmus", "migrate", "emulator"):
        service = compose["services"][name]
        assert service["user"] == "65532:65532"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_compose_waits_for_what_the_daemon_connects_to(compose: dict[str, Any]) -> None:
    settings = load([DEPLOY / "compose" / "isthmus.yaml"], {})
    assert "@postgres:5432/" in str(settings.database.dsn)
    assert "localhost:8080" in str(settings.salesforce.domain)
    assert "--port 8080" in compose["services"]["emulator"]["entrypoint"][-1]
    assert compose["services"]["isthmus"]["network_mode"] == "service:emulator"
    [prometheus] = documents(DEPLOY / "prometheus" / "prometheus.yml")
    [scrape] = prometheus["scrape_configs"]
    [target] = scrape["static_configs"][0]["targets"]
    assert target.split(":")[0] in compose["services"]["emulator"]["networks"]["default"]["aliases"]


def test_compose_secrets_are_made_once_and_readable_by_their_owner_only(
    credentials: ModuleType, tmp_path: Path
) -> None:
    credentials.main("passwords", tmp_path)
    first = (tmp_path / "pg_password").read_text()
    credentials.main("passwords", tmp_path)
    assert (tmp_path / "pg_password").read_text() == first
    assert len(first) >= 32
    assert (tmp_path / "ops_token").read_text() != first
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_compose_takes_the_orgs_credentials_from_its_announcement(
    credentials: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "announcement.json").write_text(
        json.dumps({"client_id": "one", "client_secret": "two", "url": "x"})
    )
    credentials.main("org", tmp_path)
    assert (tmp_path / "sf_client_id").read_text() == "one"
    assert (tmp_path / "sf_client_secret").read_text() == "two"
    with pytest.raises(SystemExit):
        credentials.main("other", tmp_path)


def test_the_image_runs_as_nobody_from_hashed_requirements() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert stages == ["FROM python:3.13-slim AS build", "FROM python:3.13-slim"]
    assert "USER 65532:65532" in lines[lines.index(stages[-1]) :]
    installs = [line for line in lines if "pip install" in line]
    assert ["--require-hashes --requirement requirements/run.txt" in line for line in installs] == [
        True,
        False,
    ]
    assert "--no-index" in installs[1]
    assert "--no-deps" in installs[1]
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            assert all((ROOT / source).exists() for source in line.split()[1:-1]), line


async def test_the_tables_of_compose_are_what_its_configuration_maps(database: str) -> None:
    connection = await asyncpg.connect(database, timeout=10)
    try:
        await connection.execute((DEPLOY / "compose" / "tables.sql").read_text())
        rows = await connection.fetch(
            "SELECT table_schema || '.' || table_name AS name, column_name FROM information_schema.columns"
        )
    finally:
        await connection.close()
    columns = {(row["name"], row["column_name"]) for row in rows}
    [configuration] = documents(DEPLOY / "compose" / "isthmus.yaml")
    mapped = {
        (step["postgres"]["table"], field["postgres"])
        for step in configuration["steps"]
        for field in step["fields"]
    }
    assert mapped
    assert mapped <= columns


# commands


def commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every command line of ours in deploy/: pages, unit, compose file, manifests."""
    for path in sorted(path for path in DEPLOY.rglob("*") if path.suffix in {".md", ".service", ".yaml"}):
        for line in re.findall(
            r"""(?:[`"]|^|bin/|exec |&& )isthmus ([a-z][^`\n"&>|]*)""", path.read_text(), re.MULTILINE
        ):
            yield str(path.relative_to(ROOT)), tuple(shlex.split(line.removeprefix("isthmus ")))
    for name in ("deployment", "migrate-job"):
        for document in documents(KUBERNETES / f"{name}.yaml"):
            pod = document["spec"]["template"]["spec"]
            for container in [*pod["containers"], *pod.get("initContainers", ())]:
                yield f"deploy/kubernetes/{name}.yaml", tuple(container["args"])


def test_every_command_that_deploy_names_exists_with_its_options() -> None:
    found = list(commands())
    assert {Path(where).suffix for where, _ in found} == {".md", ".service", ".yaml"}
    for where, words in found:
        command = list(
            itertools.takewhile(lambda word: re.fullmatch(r"[a-z-]+", word) and word[0] != "-", words)
        )
        assert unknown_options(command, words) == [], f"{where}: isthmus {' '.join(command)}"
