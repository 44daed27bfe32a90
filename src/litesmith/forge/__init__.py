"""The workings behind the verbs: they put the rooms below together, and know no techniques.

    options.py    what a verb may be asked for          artifact.py   files that appear whole or not
    export.py     source → file, the main job           ledger.py     what is known so far
    prove.py      a file against the original            facts.py      rooms' nouns → report's nouns
    budget.py     was --max-drop kept                    check.py, compare.py, bench.py

Add here: another verb's workings (one file), or another proof in `prove.py`. Conversion, rewriting
and quantizing belong to the rooms below; how results look belongs to `report/`.
"""
