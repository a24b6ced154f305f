"""The engines' file: what the manual shows is taken, and what it names can be set."""

import asyncio
import re
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from aicore.settings import SettingsError
from aicore.wiring.engines_file import OpenAIConfig, TierConfig, read_file
from aicore.wiring.tiers import build
from handlers.engines.port import EngineAsk, collect
from tests.unit.engines.server_kit import served_by

SHAPE_FILES = Path(__file__).parent / "shapes"
MANUAL = Path(__file__).parents[3] / "docs" / "operations.md"


def written(folder: Path, text: str) -> Path:
    file = folder / "engines.toml"
    file.write_text(text)
    return file


def of_the_manual() -> str:
    chapter = MANUAL.read_text().partition("## Engines and tiers")[2].partition("\n## ")[0]
    found = re.search(r"```toml\n(.*?)```", chapter, re.DOTALL)
    assert found
    return found[1]


def test_the_manuals_example_is_taken(tmp_path: Path) -> None:
    tiers, engines = build(read_file(written(tmp_path, of_the_manual())))
    assert {name: tier.below for name, tier in tiers.items()} == {"gold": "silver", "silver": ""}
    assert [engine.name for engine in engines] == ["gold-a", "silver-a", "emergency"]


def test_every_limit_that_the_manual_names_can_be_set(tmp_path: Path) -> None:
    chapter = MANUAL.read_text().partition("## Engines and tiers")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+_(?:s|ms))` \(", chapter))
    assert "patience_s" in named
    assert named <= TierConfig.model_fields.keys()
    text = of_the_manual().replace("token_ms = 16", "token_ms = 16\npatience_s = 0.5")
    tiers, _ = build(read_file(written(tmp_path, text)))
    assert tiers["gold"].patience_s == 0.5


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('engines = ["gold-a"]', 'engines = ["gold-b"]', "line 24, tiers.gold.engines: names 'gold-b'"),
        ('below = "silver"', 'below = "bronze"', "names 'bronze', which is no tier of the file"),
        ("ttft_ms = 250", 'ttft_ms = 250\nbelow = "gold"', "leads back to itself"),
        ("ttft_ms = 250", "ttft_ms = 0", "greater than 0"),
        ("[tiers.gold]", "[tiers.gold", "is no TOML: .*line 23"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, before: str, after: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_file(written(tmp_path, of_the_manual().replace(before, after)))


OWN = """
[engines.far]
kind = "openai"
url = "http://127.0.0.1:1"
model = "m"
chat = true
{more}

[engines.other]
kind = "embedded"

[tiers.gold]
engines = ["far"]
"""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("capacity = 0", "line 7, engines.far.capacity: Input should be greater than or equal to 1"),
        ("capacty = 4", "line 7, engines.far.capacty: there is no such key; did you mean capacity?"),
        ("top_k = 4", "line 7, engines.far.top_k: there is no such key"),
        ("names = { top_k = 'k' }", "line 7, engines.far.names.top_k: Input should be 'model', "),
        ("names = { max_tokens = 'max tokens' }", "line 7, engines.far.names.max_tokens: "),
        ("names = { max_tokens = 'seed' }", "line 7, engines.far.names: seed would be sent twice"),
        ("names = { max_tokens = 'prompt' }", "line 7, engines.far.names: prompt would be sent twice"),
        ("leave_out = ['seed',\n  'stream']", "line 7, engines.far.leave_out.1: Input should be 'model', "),
        ("body = { stream = false }", "line 7, engines.far.body: stream is sent by AI Core"),
        ("body = { seed = 1 }", "line 7, engines.far.body: seed is sent by AI Core; to send another one, "),
        ("names = { seed = 's' }\nbody = { s = 1 }", "line 8, engines.far.body: s is sent by AI Core"),
        (
            "headers = { Authorization = 'Bearer x' }",
            "line 7, engines.far.headers: Authorization is a secret",
        ),
        ('headers = { X-A = "a\\nb" }', "line 7, engines.far.headers.X-A: "),
        ("path = 'v1/chat'", "line 7, engines.far.path: "),
        ("roles = { tool = 'x' }", "line 7, engines.far.roles.tool: Input should be 'system', 'user'"),
        ("continues = 'somehow'", "line 7, engines.far.continues: Input should be 'continue_final_message'"),
        (
            "\n\n# a note\nchat_ = true",
            "line 10, engines.far.chat_: there is no such key; did you mean chat?",
        ),
        ("[engines.third]\nkind = 'vllm'\nmodel = 'm'", "line 7, engines.third.url: Field required"),
        ("[engines.third]\nkind = 'tgi'", "line 7, engines.third: Input tag 'tgi' found using 'kind'"),
        ("[engines.Third]\nkind = 'embedded'", "line 7, engines.Third: String should match pattern"),
    ],
)
def test_what_is_wrong_with_an_engine_is_told_with_its_line(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        read_file(written(tmp_path, OWN.format(more=more)))
    assert told in str(wrong.value)
    assert "secret" in told or "Bearer" not in str(wrong.value)


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 7, .*; line 8, ") as wrong:
        read_file(written(tmp_path, OWN.format(more="capacity = 0\npatience = 3")))
    assert "line 7" in str(wrong.value)


def test_settings_of_a_chat_are_refused_where_there_is_none(tmp_path: Path) -> None:
    text = OWN.format(more="continues = 'prefix'").replace("chat = true\n", "")
    with pytest.raises(SettingsError, match="continues is of chats: set chat = true"):
        read_file(written(tmp_path, text))


def test_the_manuals_servers_are_taken(tmp_path: Path) -> None:
    chapter = MANUAL.read_text().partition("**Servers that differ.**")[2].partition("\n## ")[0]
    found = re.search(r"```toml\n(.*?)```", chapter, re.DOTALL)
    assert found
    file = read_file(written(tmp_path, found[1]))
    tiers, engines = build(file)
    assert [engine.name for engine in engines] == list(tiers["bronze"].engines and file.engines)
    named = set(re.findall(r"^\| `(.+?)` \|", chapter, re.MULTILINE))
    assert {
        key for row in named for key in row.replace("`", "").split(", ")
    } <= OpenAIConfig.model_fields.keys()


def test_a_key_that_is_named_and_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOLD_KEY", raising=False)
    with capture_logs() as logs:
        build(read_file(written(tmp_path, of_the_manual())))
    assert [(each["event"], each["engine"], each["variable"]) for each in logs] == [
        ("engine_key_missing", "gold-a", "GOLD_KEY")
    ]
    monkeypatch.setenv("GOLD_KEY", "k")
    with capture_logs() as logs:
        build(read_file(written(tmp_path, of_the_manual())))
    assert logs == []


SHAPES = {
    "openai": "openai_hidden_reasoning", "azure": "azure_first", "gemini": "gemini_big_pieces",
    "mistral": "mistral_chat", "deepseek": "deepseek_reasoner", "llama": "llamacpp_chat",
}  # fmt: skip
"""What each of the manual's servers answers in (tests/unit/engines/shapes)."""


@pytest.mark.parametrize("name", SHAPES)
async def test_each_of_the_manuals_servers_is_asked_as_it_wants_and_understood(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = MANUAL.read_text().partition("**Servers that differ.**")[2].partition("```toml\n")[2]
    file = read_file(written(tmp_path, text.partition("```")[0]))
    config = file.engines[name]
    assert isinstance(config, OpenAIConfig)
    monkeypatch.setenv(config.api_key_env or "NONE", "k")
    got: list[web.Request] = []
    bodies: list[dict[str, object]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append(request)
        bodies.append(await request.json())
        return web.Response(body=(SHAPE_FILES / f"{SHAPES[name]}.sse").read_bytes())

    async with served_by(answer) as url:
        here = config.model_copy(update={"url": url})
        _, engines = build(file.model_copy(update={"engines": {**file.engines, name: here}}))
        engine = next(each for each in engines if each.name == name)
        await engine.start()
        ask = EngineAsk(prompt="Who goes there?", max_tokens=8)
        found = await collect(engine, ask, asyncio.get_running_loop().time)
        await engine.stop()
    assert found.text == "Hello there."
    assert got[0].path == (config.path or "/v1/chat/completions")
    assert dict(got[0].query) == dict(config.query)
    key = "k" if config.api_key_header else "Bearer k"
    assert not config.api_key_env or got[0].headers[config.api_key_header or "Authorization"] == key
    assert not set(bodies[0]) & {*config.leave_out, *config.names}
    assert {*config.names.values(), *config.body} <= set(bodies[0])
