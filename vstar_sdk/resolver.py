"""What a part asks for by name when it is used: secrets, files and devices."""

from __future__ import annotations

import os
from pathlib import Path


class Resolver:
    """Finds what specs only name; this one knows the environment alone.

    A factory that takes a keyword ``resolver`` is given the run's, which asks the run's plugins first (``resolve_secret``,
    ``resolve_asset``, ``resolve_device``) and then falls back on what is written here.
    """

    def secret(self, name: str) -> str | None:
        """A secret, such as the key of an API.

        Keep it out of messages, logs, events and reprs, and ask for it as late as possible.

        Args:
            name: what the spec says, usually the name of an environment variable: ``ANTHROPIC_API_KEY``.

        Returns:
            The secret without surrounding space, or None when nobody knows it; never "".

        Raises:
            PluginError: a plugin failed while it was asked.
        """
        return os.environ.get(name, "").strip() or None

    def asset(self, reference: str) -> Path | None:
        """The local file or folder of weights that a spec names by something other than a path.

        Args:
            reference: what the spec says, such as a hub id: ``Qwen/Qwen3-0.6B``.

        Returns:
            An existing path, or None when nobody knows it: find it in your own way then.

        Raises:
            PluginError: a plugin failed while it was asked, or named a path that does not exist.
        """
        return None

    def device(self, name: str) -> str:
        """The device that a spec's ``device`` means.

        Args:
            name: what the spec says: ``auto``, ``cuda``, or a name that only a plugin knows.

        Returns:
            A torch device, or ``auto`` where the machine decides.

        Raises:
            PluginError: a plugin failed while it was asked.
        """
        return name
