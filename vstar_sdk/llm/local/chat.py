"""A chat model in memory: asked, released, or kept for the next run. Imports torch and transformers: load it when a run asks."""

# pyright: standard
from __future__ import annotations

import gc
import importlib.util
import time
from typing import TYPE_CHECKING, Any

import torch
from jinja2 import TemplateError as ChatTemplateError

from vstar_sdk.errors import BackendError, MissingDependency
from vstar_sdk.llm.contract import Completion, Request
from vstar_sdk.llm.faults import RefusedGrammar, brief
from vstar_sdk.llm.local.models import Place, load, locate
from vstar_sdk.llm.local.options import TransformersOptions
from vstar_sdk.llm.schemas import closed_schema

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.resolver import Resolver

INSTALL = "pip install llguidance"

_kept: list[LocalChat] = []
"""At most one model that was released to be kept."""


def take(options: TransformersOptions, resolver: Resolver) -> LocalChat:
    """The model, loaded, or the kept one if it is the same; a kept one that is another leaves the memory first.

    Raises:
        BackendError: see `locate` and `load`.
    """
    place = locate(options, resolver)
    kept = _kept.pop() if _kept else None
    if kept is not None:
        if kept.place == place:
            return kept
        kept.release()
    return LocalChat(place, *load(place))


class LocalChat:
    """A model that is loaded.

    Args:
        place: where it was found and runs.
        tokenizer: with a chat template.
        model: on its device.
    """

    def __init__(self, place: Place, tokenizer: Any, model: Any) -> None:
        self.place = place
        self._tokenizer: Any = tokenizer
        self._model: Any = model
        self._vocabulary: Any = None

    def complete(self, request: Request, options: TransformersOptions) -> Completion:
        """Ask once.

        Raises:
            BackendError: the chat template or the model's context does not take the question, or time ran out.
            MissingDependency: ``llguidance`` is wanted always and not installed.
        """
        prompt = self._prompt(request)
        read = prompt["input_ids"].shape[1]
        room = min(options.tokens(request.max_tokens), self._context() - read)
        if room < 1:
            raise BackendError(
                f"{self.place.name} reads at most {self._context():,} tokens, but the request has {read:,}",
                hint="choose a model with a longer context, or a shorter template",
            )
        ends = self._ends()
        processors, warnings = self._constraints(request, options, read, ends)
        began = time.monotonic()
        answer, problem = None, ""
        try:
            answer = self._generate(prompt, options, room, ends, processors)
        except RefusedGrammar as error:  # a grammar may turn out to be too large only while it is used
            problem = brief(error)
        if answer is None:  # told outside of the handler, whose traceback holds the model
            warnings = self._unheld(options, problem)
            answer = self._generate(prompt, options, room, ends, [])
        written = answer[0, read:].tolist()
        ended = bool(written) and written[-1] in ends
        if not ended and len(written) < room:
            raise BackendError(
                f"{self.place.name} gave no answer within {options.timeout:g} s: {len(written):,} tokens "
                f"in {time.monotonic() - began:.0f} s",
                hint="raise synopsis.backend.timeout, or choose a smaller model or a faster device",
            )
        return Completion(
            text=self._tokenizer.decode(written, skip_special_tokens=True),
            stop="end" if ended else "length",
            model=self.place.name,
            input_tokens=read,
            output_tokens=len(written),
            warnings=warnings,
        )

    def release(self, *, keep: bool = False) -> None:
        """Leave the memory, or stay for the next `take`; one model stays at most."""
        if keep:
            for other in _kept:
                other.release()
            _kept[:] = [self]
            return
        self._model = self._tokenizer = self._vocabulary = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _prompt(self, request: Request) -> dict[str, Tensor]:
        turns = [{"role": message.role, "content": message.text} for message in request.messages]
        try:
            prompt = self._tokenizer.apply_chat_template(
                [{"role": "system", "content": request.system}, *turns],
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
                sanitize_control_tokens=True,  # a prompt that holds <|im_start|>system stays text
                enable_thinking=False,  # known to some templates; the answer is to be JSON from its first token
            )
            return {
                name: value.to(self.place.device) for name, value in prompt.items() if name in ("input_ids", "attention_mask")
            }
        except ChatTemplateError as error:
            problem = brief(error)
        raise BackendError(
            f"the chat template of {self.place.name} rejects the request: {problem}",
            hint="choose a model whose template supports system messages",
        )

    def _context(self) -> int:
        return int(getattr(self._model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)

    def _ends(self) -> list[int]:
        """Tokens that end an answer."""
        ends = self._model.generation_config.eos_token_id
        if ends is None:
            ends = self._tokenizer.eos_token_id
        if ends is None:
            raise BackendError(f"{self.place.name} has no end-of-sequence token", hint="choose another model")
        return ends if isinstance(ends, list) else [ends]

    def _constraints(
        self, request: Request, options: TransformersOptions, read: int, ends: list[int]
    ) -> tuple[list[Any], tuple[str, ...]]:
        """The logits processors, and what is to be told when there is none."""
        if options.constrain == "never":
            return [], ()
        if importlib.util.find_spec("llguidance") is None:
            if options.constrain == "always":
                raise MissingDependency("synopsis.backend.constrain: always needs the package 'llguidance'", hint=INSTALL)
            return [], (
                f"the answer of {self.place.name} is not constrained to its JSON Schema: llguidance is missing ({INSTALL})",
            )
        try:
            from vstar_sdk.llm.local.constraint import JsonConstraint, tokens_of

            self._vocabulary = self._vocabulary or tokens_of(
                self._tokenizer, self._model.config.get_text_config().vocab_size, ends
            )
            return [JsonConstraint(self._vocabulary, closed_schema(request.schema), prompt=read)], ()
        except (ValueError, ImportError, RefusedGrammar) as error:  # a tokenizer, an installation or a schema that it cannot use
            problem = brief(error)
        return [], self._unheld(options, problem)

    def _unheld(self, options: TransformersOptions, problem: str) -> tuple[str, ...]:
        """The warning that the answer is free.

        Raises:
            BackendError: it is to be held always.
        """
        if options.constrain == "always":
            raise BackendError(
                f"the answer of {self.place.name} cannot be constrained to its JSON Schema: {problem}",
                hint="choose a model with a fast tokenizer, or set synopsis.backend.constrain: auto",
            )
        return (f"the answer of {self.place.name} is not constrained to its JSON Schema: {problem}",)

    def _generate(
        self, prompt: dict[str, Tensor], options: TransformersOptions, room: int, ends: list[int], processors: list[Any]
    ) -> Tensor:
        """Prompt and answer ``(1, tokens)``; the program's own random numbers stay as they are."""
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if options.temperature > 0:
            sampling = {"do_sample": True, "temperature": options.temperature}
        device = torch.device(self.place.device)
        try:
            with torch.inference_mode(), torch.random.fork_rng([device] if device.type == "cuda" else []):
                torch.manual_seed(options.seed)
                return self._model.generate(
                    **prompt,
                    **sampling,
                    max_new_tokens=room,
                    max_time=options.timeout,
                    eos_token_id=ends,
                    pad_token_id=ends[0],
                    logits_processor=processors,
                )
        except RuntimeError as error:  # out of memory, above all; also logits that are not numbers
            problem = brief(error)
        raise BackendError(
            f"{self.place.name} failed on {self.place.device}: {problem}",
            hint="set synopsis.backend.device to cpu, or choose a smaller model",
        )
