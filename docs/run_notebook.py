"""Runs notebooks and keeps what their cells print: `python docs/run_notebook.py docs/notebooks/*.ipynb`.

Needs the packages of docs/notebooks/requirements.txt. Each notebook runs in an empty folder.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Pieces of one stream as one output: where a stream is cut depends on the time. No bars that are done."""
    kept: list[nbformat.NotebookNode] = []
    for output in outputs:
        if output.output_type == "display_data" and output.data.get("text/html") == "":
            continue
        if kept and output.output_type == "stream" == kept[-1].output_type and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def run(path: Path) -> None:
    """Runs one notebook from its top and writes it back; an error in a cell stops it."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times, which differ at each run
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"  # Jupyter's own is not installed where `ganeval` runs
    for name in sys.argv[1:]:
        run(Path(name))
