"""The words of a prompt: folded for reading, and as they were written; phrases and patterns found among them. Pure Python."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from vstar_sdk.miniworld.lexicon import PASSED_OVER

T = TypeVar("T")

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ′`´＇", "'") | dict.fromkeys("‐‑﹣－", "-"))
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[^\w\s'-]")
_CONTRACTED = re.compile(r"(?<!n)'(?:s|re|ve|ll|d|m|t)?$")
"""Of "volcano's" the world reads "volcano"; "isn't" stays whole."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a prompt.

    Attributes:
        text: small letters without accents, possessives and curly apostrophes.
        written: as it stands in the prompt.
        clause: how many marks of punctuation are before it.
    """

    text: str
    written: str
    clause: int


class Text:
    """The words of a prompt in order."""

    def __init__(self, words: Iterable[Word]) -> None:
        self.words = tuple(words)
        self.line = " ".join(word.text for word in self.words)
        self._starts: list[int] = []
        at = 0
        for word in self.words:
            self._starts.append(at)
            at += len(word.text) + 1

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, at: int) -> str:
        return self.words[at].text if 0 <= at < len(self.words) else ""

    def together(self, first: int, second: int) -> bool:
        """Whether two words are there and no mark of punctuation stands between them."""
        inside = min(first, second) >= 0 and max(first, second) < len(self.words)
        return inside and self.words[first].clause == self.words[second].clause

    def line_of(self, at: range) -> str:
        """The folded words of a range."""
        return " ".join(word.text for word in self.words[at.start : at.stop])

    def offset(self, at: int) -> int:
        """Where a word begins in ``line``."""
        return self._starts[at]

    def search(self, pattern: str) -> Iterator[tuple[range, re.Match[str]]]:
        """Where a pattern stands in the folded text: the words that it covers, and the match."""
        for match in re.finditer(pattern, self.line):
            covered = [i for i, start in enumerate(self._starts) if match.start() <= start < match.end()]
            yield range(covered[0], covered[-1] + 1), match


def split(prompt: str, whole: Callable[[str], bool]) -> Text:
    """The words of a prompt.

    Args:
        prompt: any text.
        whole: tells of a word with hyphens whether it is one word; its parts are words otherwise.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKC", prompt.translate(_APOSTROPHES)) if unicodedata.category(c) != "Cf")
    words: list[Word] = []
    clause = 0
    for found in _WORD.findall(plain.replace("_", " ").translate(_APOSTROPHES)):
        if not found[0].isalnum():
            clause += 1
            continue
        parts = [found] if whole(_fold(found)) else found.split("-")
        words += [Word(_fold(part), part, clause) for part in parts]
    return Text(words)


def _fold(word: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    return _CONTRACTED.sub("", bare) or bare


class Phrases(Generic[T]):
    """Phrases that stand for something."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], T]]] = {}
        for phrase, meaning in entries:
            words = tuple(phrase.split())
            self._by_first.setdefault(words[0], []).append((words, meaning))
        for found in self._by_first.values():
            found.sort(key=lambda entry: -len(entry[0]))  # stable: of equal phrases the first given wins

    def at(self, text: Text, start: int) -> tuple[range, T] | None:
        """The longest phrase that begins at a word."""
        for words, meaning in self._by_first.get(text[start], ()):
            if (stop := _follow(text, start, words)) is not None:
                return range(start, stop), meaning
        return None

    def find(self, text: Text) -> Iterator[tuple[range, T]]:
        """All phrases in a text from left to right, without overlap; of those that begin alike, the longest."""
        at = 0
        while at < len(text):
            found = self.at(text, at)
            if found:
                yield found
            at = found[0].stop if found else at + 1


def _follow(text: Text, start: int, words: tuple[str, ...]) -> int | None:
    """Where a phrase that begins at a word ends; small verbs and adverbs may stand within."""
    at = start
    for i, word in enumerate(words):
        passed = 0
        while i and text[at] != word and text[at] in PASSED_OVER and passed < 2:
            at, passed = at + 1, passed + 1
        if text[at] != word:
            return None
        at += 1
    return at
