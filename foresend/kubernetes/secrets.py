"""The first secrets of an installation, fresh and fitting each other, as manifests.

`python -m foresend.kubernetes.secrets --workspace NAME | kubectl apply -n NAMESPACE -f -`. Whoever has a store of
secrets keeps them there instead; the names of Secrets and keys are what the manifests ask for.
"""

import secrets
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from typing import Any

from connectors.gateway.keys import grant_of, new_key
from connectors.gateway.routing import Right
from foresend.kubernetes.yaml_text import yaml_text
from schemas.ids import WorkspaceId

LABELS = {"app.kubernetes.io/name": "foresend", "app.kubernetes.io/part-of": "foresend"}
_BYTES = 32


def secret_manifests(workspaces: Sequence[WorkspaceId]) -> list[dict[str, Any]]:
    """A `Secret` for each program, and one of the operator's own, with the keys to the rest in clear.

    Each call makes others: apply it once. The installation's secret and the signing keys hold for ever.
    """
    collects, delivers, hears, operates = ({name: new_key() for name in workspaces} for _ in range(4))
    writes = {name: secrets.token_hex(_BYTES) for name in workspaces}
    rights = (
        *((collects, [Right.RIGHTS]), (delivers, [Right.DELIVER])),
        *((hears, [Right.RIGHTS, Right.DELIVER]), (operates, list(Right))),
    )
    grants = [grant_of(keys[name], name, granted).line for keys, granted in rights for name in workspaces]
    return [
        _secret("foresend-installation", {"secret": secrets.token_hex(_BYTES)}),
        _secret(
            "foresend-collect-keys",
            {
                "keys": _lines(f"{key}:{name}" for name, key in writes.items()),
                "gateway-keys": _lines(f"{name}:{key}" for name, key in collects.items()),
            },
        ),
        _secret(
            "foresend-serve-keys",
            {"keys": _lines(grants), "signing-keys": f"k1:{secrets.token_hex(_BYTES)}\n"},
        ),
        _secret("foresend-inbound-keys", {"gateway-keys": _lines(f"{name}:{key}" for name, key in hears.items())}),
        _secret("foresend-deliver-keys", {"keys": _lines(delivers.values())}),
        _secret(
            "foresend-operator",
            {f"{name}-write-key": key for name, key in writes.items()}
            | {f"{name}-api-key": key for name, key in operates.items()},
        ),
    ]


def _secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": LABELS},
        "type": "Opaque",
        "stringData": data,
    }


def _lines(lines: Any) -> str:
    return "".join(f"{line}\n" for line in lines)


def _workspace(text: str) -> WorkspaceId:
    if not text or set(text) & set(' \t\n,:+"'):
        raise ArgumentTypeError("expected a workspace's name")
    return WorkspaceId(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the manifests; nothing is stored."""
    parser = ArgumentParser(prog="python -m foresend.kubernetes.secrets", description="Fresh secrets, as manifests.")
    parser.add_argument("--workspace", action="append", required=True, type=_workspace, help="repeat it for several")
    sys.stdout.write(yaml_text(secret_manifests(parser.parse_args(arguments).workspace)))


if __name__ == "__main__":
    main()
