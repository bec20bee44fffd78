"""The listening study: which sound fits the picture better, which sounds more like the reference's material.

design.py      balanced plans of trials, as pure functions
options.py     options of the commands (no heavy imports)
sources.py     the clips that a study is made from, checked before anything is written
media.py       loudness-matched, uniformly encoded clips under random names
export.py      the exported folder: public page, key of the researcher
web/           the page: jsPsych, our trial plugin, the texts
answers.py     format and validation of what participants send
store.py       answers in SQLite, append-only
server.py      the page and its answers over HTTP
crowd.py       completion codes and MTurk's tables
results.py     answers from databases, downloads and MTurk, joined with the key
exclusion.py   which sessions are excluded from the analysis, and why
statistics.py  intervals, tests, ranking, agreement, power as pure functions
analysis.py    the tables of the report
report.py      the report as HTML, CSV and a figure
"""
