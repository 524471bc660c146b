"""The contract of executors. What it raises to end, the command deals with."""

from __future__ import annotations

from vstar_sdk.plugin.boundary.contract import Contract, Member, ignored

CONTRACT = Contract("Executor", (Member("run", ignored, ("sweep", "cells")),))
