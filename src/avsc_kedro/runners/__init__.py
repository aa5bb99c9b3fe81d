"""Runs heavy nodes side by side, each in a process of its own."""

from avsc_kedro.runners.node_process import LONG, OWN_PROCESS, NodeProcessRunner
from avsc_kedro.runners.processes import NodeProcessDied, error_chain

__all__ = ["LONG", "OWN_PROCESS", "NodeProcessDied", "NodeProcessRunner", "error_chain"]
