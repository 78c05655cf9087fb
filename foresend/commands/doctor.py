"""`foresend doctor`: what is wrong with a machine, its Kafka, or a domain in DNS, and how it is mended."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from foresend.doctor.configured import Sources
from foresend.doctor.examining import Examination, examine
from foresend.doctor.findings import NOT_LOOKED_AT, Finding, Program
from foresend.doctor.mail_domain import MailDomain, mail_domain_findings, mail_domain_of
from foresend.local.mini_cluster import DEFAULT_FOLDER as JOB_FOLDER
from schemas.errors import ConfigError


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("doctor", help="say what is wrong with this machine, Kafka or DNS, and the mend")
    programs = [program.value for program in Program]
    parser.add_argument(
        "--for",
        dest="programs",
        action="append",
        choices=programs,
        help="a program that is to run here; more than once (default: any)",
    )
    parser.add_argument("--bootstrap", metavar="HOST:PORT", help="where Kafka is; else FORESEND_KAFKA_BOOTSTRAP")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="TOML file with a table for each section")
    parser.add_argument("--job-folder", type=Path, default=JOB_FOLDER, help="of `foresend job` (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object for each check")
    dns = parser.add_argument_group("a domain that mail is sent from, instead of this machine")
    dns.add_argument("--dns", metavar="DOMAIN", help="the domain of the sender's address")
    dns.add_argument("--resolver", metavar="HOST[:PORT]", help="whom to ask (default: as this machine does)")
    dns.add_argument(
        "--selector", action="append", default=[], help="of a DKIM key; more than once (default: FORESEND_DELIVER_DKIM)"
    )
    dns.add_argument("--return-domain", metavar="DOMAIN", help="of bounces (default: FORESEND_DELIVER_RETURN_ADDRESS)")
    dns.add_argument(
        "--sends-from", action="append", default=[], metavar="ADDRESS", help="of the relay; more than once"
    )
    dns.add_argument("--tracking-url", metavar="URL", help="of links in mails (default: FORESEND_SERVE_PUBLIC_URL)")


def run(arguments: Namespace) -> int:
    """Tell each check as it is done; 1 where anything is wrong.

    Raises:
        ConfigError: an option cannot be understood.
    """
    sources = Sources(os.environ, arguments.settings, arguments.bootstrap)
    wrong = total = 0
    for finding in _findings(arguments, sources):
        total += 1
        wrong += not finding.ok
        sys.stdout.write(f"{json.dumps(asdict(finding))}\n" if arguments.json else _words(finding))
        sys.stdout.flush()
    if not arguments.json:
        print(f"{total} checks, {wrong or 'nothing'} wrong")
    return 1 if wrong else 0


def _findings(arguments: Namespace, sources: Sources) -> Iterator[Finding]:
    if arguments.dns:
        return mail_domain_findings(_mail_domain(arguments, sources))
    given = {
        "--resolver": arguments.resolver,
        "--selector": arguments.selector,
        "--return-domain": arguments.return_domain,
        "--sends-from": arguments.sends_from,
        "--tracking-url": arguments.tracking_url,
    }
    lone = [option for option, value in given.items() if value]
    if lone:
        raise ConfigError(f"{', '.join(lone)}: expected --dns DOMAIN beside it")
    named = frozenset(Program(name) for name in arguments.programs or ())
    return examine(Examination(sources, named, arguments.job_folder))


def _mail_domain(arguments: Namespace, sources: Sources) -> MailDomain:
    return mail_domain_of(
        sources,
        arguments.dns,
        resolver=arguments.resolver,
        selectors=tuple(arguments.selector),
        return_domain=arguments.return_domain,
        sends_from=tuple(arguments.sends_from),
        tracking_url=arguments.tracking_url,
    )


def _words(finding: Finding) -> str:
    if finding.ok:
        return f"ok     {finding.check}: {finding.found}\n"
    if finding.found.startswith(NOT_LOOKED_AT):
        return f"?      {finding.check}: {finding.found}\n"
    return (
        f"WRONG  {finding.check}: {finding.found}\n       expected: {finding.expected}\n       mend: {finding.mend}\n"
    )
