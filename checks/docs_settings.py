"""The settings of poise.yaml, and what of them is not built yet, as Markdown tables."""

from __future__ import annotations


def render() -> str:
    """Every setting: where it stands, what it takes, its default, what it does. Raises ImportError without settings."""
    from poise.edge.config.settings import SETTINGS

    rows = ["| setting | takes | default | meaning |", "|---|---|---|---|"]
    for setting in SETTINGS.values():
        default = "required" if setting.required else f"`{setting.default}`" if setting.default else ""
        rows.append(f"| `{setting.path}` | {_cell(setting.type)} | {default} | {_cell(setting.meaning)} |")
    return "\n".join(rows)


def render_not_yet() -> str:
    """What the file may say one day and is refused today. Raises ImportError where there is no such list."""
    from poise.edge.config.not_yet import NOT_YET

    rows = ["| setting | value | what it will be |", "|---|---|---|"]
    rows += [f"| `{row.path}` | {f'`{row.values}`' if row.values != '*' else 'any'} | {row.what} |" for row in NOT_YET]
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
