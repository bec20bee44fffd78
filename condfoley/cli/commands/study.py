"""`condfoley study export | serve | analyse`: runs a listening study and reports its results."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from condfoley.cli.arguments import option_parser, parse_options, suggest
from condfoley.errors import EXIT_USER_ERROR, InputError, require_extra
from condfoley.study.options import AnalyseOptions, ExportOptions, ServeOptions

if TYPE_CHECKING:
    from fastapi import FastAPI

T = TypeVar("T")

USAGE = """usage: condfoley study export | serve STUDY | analyse RESULTS

  export     write a study as a static web page, and its key
  serve      serve an exported study and store its answers
  analyse    write a report: exclusions, preferences with intervals, ranking, agreement

`condfoley study ACTION --help` lists an action's options."""


def run(argv: list[str]) -> int:
    """Run with command-line arguments; returns 0, 2 without any. Raises InputError for anything that cannot be used."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else EXIT_USER_ERROR
    actions = {"export": _export, "serve": _serve, "analyse": _analyse}
    if argv[0] not in actions:
        hint = suggest(argv[0], actions) or "give export, serve or analyse"
        raise InputError(f"unknown action {argv[0]} of condfoley study; {hint}")
    actions[argv[0]](argv[1:])
    return 0


def _export(argv: list[str]) -> None:
    options = parse_options("condfoley study export", ExportOptions, argv)
    require_extra("study", "exporting a study")
    from condfoley.study.export import KEY, PUBLIC, export

    key = export(options)
    trials = key["trials"].values()
    forms = 1 + max(trial["form"] for trial in trials)
    print(
        f"condfoley: {forms} participants with {len(trials) // forms} trials each give {key['judgements']} judgements "
        f"of every target and pair of systems; keep {KEY} to yourself",
        file=sys.stderr,
    )
    print(Path(options.out) / PUBLIC / "index.html")
    print(Path(options.out) / KEY)


def _serve(argv: list[str]) -> None:
    folder, options = _parse_with_path("serve", "study", "Folder of the exported study.", ServeOptions, argv)
    app = create_app(folder, options)
    import uvicorn

    from condfoley.server.connections import PatientProtocol

    print(f"condfoley: http://{options.host}:{options.port}/ (Ctrl-C stops; answers are stored)", file=sys.stderr)
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        http=PatientProtocol,
        log_level="warning",  # no access log, which would contain addresses
        proxy_headers=bool(options.trust_proxy),
        forwarded_allow_ips=options.trust_proxy or None,
    )


def create_app(folder: Path, options: ServeOptions) -> FastAPI:
    """The web application of an exported study with its database open. Raises InputError when it cannot be served."""
    require_extra("study", "serving a study")
    from condfoley.study.key import read_key
    from condfoley.study.server import application
    from condfoley.study.store import AnswerStore

    key = read_key(folder / "key.json")
    if not (folder / "public" / "index.html").is_file():
        raise InputError(f"{folder} has no public/index.html; export the study again")
    database = Path(options.results) if options.results else folder / "results" / "answers.sqlite"
    store = AnswerStore(database, key["study"])
    return application(folder / "public", key, store, options.rate, options.burst)


def _analyse(argv: list[str]) -> None:
    results, options = _parse_with_path(
        "analyse", "results", "Folder with answers.sqlite or downloaded files, or one such file.", AnalyseOptions, argv
    )
    require_extra("study", "analysing a study")
    if not results.exists():
        raise InputError(f"there is no {results}; give the folder or file with the answers")
    home = results if results.is_dir() else results.parent
    key_path = Path(options.key) if options.key else home.parent / "key.json"
    if not options.key and not key_path.exists():
        raise InputError(f"there is no {key_path}, the key of the study whose answers these are; give it as --key")
    from condfoley.study.key import read_key

    key = read_key(key_path)
    out = Path(options.out) if options.out else key_path.parent / "analysis"
    from condfoley.study.report import analyse

    print(analyse(results, key, out, options))


def _parse_with_path(action: str, name: str, text: str, options: type[T], argv: list[str]) -> tuple[Path, T]:
    parser = option_parser(f"condfoley study {action}", options)
    parser.add_argument(name, help=text)
    given = parser.parse_args(argv)
    values = {field.name: getattr(given, field.name) for field in fields(options)}  # type: ignore[arg-type]
    return Path(getattr(given, name)), options(**values)
