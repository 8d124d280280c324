"""The OpenRPC document against the specification's own meta-schema."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7
from stack import StartStack

JSON_SCHEMA = "https://meta.json-schema.tools"


def _exported(node_modules: Path, package: str, member: str) -> Any:
    script = f"console.log(JSON.stringify(require('{package}').{member}))"
    command = [shutil.which("node") or "node", "-e", script]
    done = subprocess.run(command, cwd=node_modules.parent, capture_output=True, check=True)  # noqa: S603  our own script
    return msgspec.json.decode(done.stdout)


async def test_the_document_validates_against_the_meta_schema(
    start: StartStack, node_modules: Path
) -> None:
    stack = await start()
    meta = _exported(node_modules, "@open-rpc/meta-schema", "default")
    schema = _exported(node_modules, "@json-schema-tools/meta-schema", "default")
    resource = Resource.from_contents(schema, default_specification=DRAFT7)
    known = Registry().with_resources([(JSON_SCHEMA, resource), (JSON_SCHEMA + "/", resource)])

    document = (await stack.get("/openrpc.json")).body
    meta.pop("$schema")
    found = list(Draft7Validator(meta, registry=known).iter_errors(document))

    assert found == []
    assert len(document["methods"]) > 70


async def test_rpc_discover_is_the_same_document(start: StartStack) -> None:
    stack = await start()

    discovered = await stack.call("rpc.discover")

    assert discovered["result"] == (await stack.get("/openrpc.json")).body
