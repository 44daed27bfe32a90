"""The metadata of inputs that take token numbers."""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.interface.metadata.ports import plain
from litesmith.interface.metadata.schema import (
    AssociatedFile,
    BertTokenizerOptions,
    FileType,
    ProcessUnit,
    RegexTokenizerOptions,
    TensorMetadata,
)
from litesmith.interface.metadata.tasks import bert_role

VOCABULARY_FILE = "vocab.txt"
DELIMITER = r"[^\w\']+"  # MediaPipe's own default: split at everything that is no word
_ABOUT = {
    "mask": "1 for tokens, 0 for padding.",
    "segment_ids": "The sentence that a token belongs to: 0.",
    "ids": "The numbers of the tokens.",
}
_FILE = AssociatedFile(
    VOCABULARY_FILE, "The tokens, in the order of their numbers.", FileType.VOCABULARY
)


def regex_input(name: str, delimiter: str) -> TensorMetadata:
    """Return the metadata of one input of token numbers."""
    unit = ProcessUnit(RegexTokenizerOptions(delimiter or DELIMITER, (_FILE,)))
    described = plain(name, "The numbers of the text's tokens.")
    return TensorMetadata(
        described.name, described.description, ("batch", "tokens"), described.content, (unit,)
    )


def bert_inputs(names: Sequence[str]) -> list[TensorMetadata]:
    """Return the metadata of BERT's three inputs, told apart by their names in the model."""
    return [plain(role, _ABOUT[role]) for role in map(bert_role, names)]


def bert_unit() -> ProcessUnit:
    """Return the tokenizer of BERT's three inputs."""
    return ProcessUnit(BertTokenizerOptions((_FILE,)))


def vocabulary_file(vocabulary: Sequence[str], numbered: bool) -> tuple[str, bytes]:
    """Return the file: a token per line, its number behind it where the regex tokenizer reads."""
    lines = [f"{t} {i}" for i, t in enumerate(vocabulary)] if numbered else list(vocabulary)
    return VOCABULARY_FILE, "".join(line + "\n" for line in lines).encode()
