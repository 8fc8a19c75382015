"""The command line: one file a command; each parses its arguments, calls one function and prints.

Commands are imported when they are called, so that `inalign --version` starts nothing.
"""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword

import click

from inalign.errors import Error
from inalign.version import __version__

COMMANDS = {
    "alerts": "Show what changed for the worse; mute it; test who is told.",
    "config": "Validate the configuration, or print the sample.",
    "import": "Take over the configuration of OpenDKIM, OpenDMARC, OpenARC, dkimpy-milter or policyd-spf.",
    "ingest": "Read reports into the store.",
    "intake": "Show how sources of reports stand; the quarantine and its replay.",
    "key": "Make signing keys, check them against DNS and rotate them.",
    "milter": "Serve Postfix or Sendmail as a milter.",
    "reports": "Show what the reports say.",
    "sample": "Make a folder with made-up reports, for a first look.",
    "selftest": "Run the bundled conformance vectors on this host, as a table.",
    "serve": "Take reports in and answer questions, without the milter.",
    "sender": "Say for good what a source is: ours, a service, a forwarder, a spoofer.",
    "sign": "Sign a saved message.",
    "store": "Back up the store, restore it, make it smaller, purge a domain from it.",
    "summary": "Make the weekly or monthly report for people: text, HTML, PDF or mail.",
    "up": "Start all of Inalign and say what to add to the mail server.",
    "user": "Who may use the pages: users, passwords, tokens.",
    "verify": "Authenticate saved messages and explain each step.",
}


class CommandError(click.ClickException):
    """An `Error` of the package: one clear line, no traceback, no usage text."""

    exit_code = 2


class LazyGroup(click.Group):
    """A group whose commands are modules of this package."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Error as problem:
            raise CommandError(str(problem)) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"inalign.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="inalign")
def main() -> None:
    """E-mail authentication: SPF, DKIM, ARC and DMARC, signed, verified, decided, reported, advised."""
