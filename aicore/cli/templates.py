"""`aicore templates`: prompt templates, over the public wire."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import label_of, one_of, over_wire, tell, vouched_over_wire
from aicore.client import Client
from domain.prompts.messages import TemplateFacts

app = typer.Typer(no_args_is_help=True, help="Prompt templates, which turn a context into a prompt.")


@app.command("list")
def list_templates(*, json: Json = False) -> None:
    """List every version of every template."""
    templates = vouched_over_wire(_templates)
    if json:
        print_json(templates)
        return
    print_rows(listing(templates), "no templates yet; see `aicore templates register --help`")


COLUMNS = {
    "template": Kind.NAME, "sections": Kind.TEXT, "budget": Kind.NAME, "description": Kind.TEXT
}  # fmt: skip


def listing(templates: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of templates."""
    rows = []
    for template in templates:
        sections = " ".join(section["name"] for section in template["sections"])
        rows.append([label_of(template), sections, f"{template['budget']} tokens", template["description"]])
    return Listing(COLUMNS, rows)


@app.command()
def show(
    template: Annotated[
        str, typer.Argument(help="The template, NAME@VERSION; or NAME if it has one version.")
    ],
    *,
    json: Json = False,
) -> None:
    """Print a template in the form that `register` takes: change text and version, then register it."""
    templates = [{"template_id": label_of(each), **each} for each in vouched_over_wire(_templates)]
    found = one_of(templates, template, what="template", see="templates list", named=True)
    payload = {key: found[key] for key in TemplateFacts.model_fields}
    if json:
        print_json(payload)
    else:
        out.print(orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode(), markup=False, soft_wrap=True)


@app.command()
def register(
    file: Annotated[
        Path, typer.Argument(help="JSON file with the payload of prompts.register_template.", exists=True)
    ],
    *,
    operator: Annotated[str | None, typer.Option(help="Person responsible, if the file names none.")] = None,
    json: Json = False,
) -> None:
    """Register a version of a template; a registered version never changes."""
    try:
        payload = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file} is not JSON: {error}", code=Exit.USAGE) from None
    if not isinstance(payload, dict):
        raise Failure(f"{file} must hold one JSON object", code=Exit.USAGE)
    payload |= {"operator": operator} if operator else {}
    reply = over_wire(lambda client: client.command("prompts.register_template", payload))
    label = reply.result["template"]
    how = f"a model uses it after `aicore models describe MODEL --set template={label}`"
    tell(reply, f"template {label} is registered\n{how}", json=json)


async def _templates(client: Client) -> list[dict[str, Any]]:
    answer = await client.query("prompts.templates")
    found: list[dict[str, Any]] = answer.result
    return found
