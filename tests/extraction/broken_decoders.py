"""What decoders do to the process they are in, chosen by a recording's name."""

import faulthandler
import os
import re
import signal
import time
from pathlib import Path

import numpy as np

from avsc_kedro.extraction import shard_task

SHAPE = (8, 15, 2)


def extract_shard(task):
    """Stands for the real one, with a decoder that breaks."""
    shard_task.clip_features = decode
    return shard_task.extract_shard(task)


def decode(recipes, path):
    name = Path(path).stem
    if "crash" in name:
        faulthandler._sigsegv()
    if "killed" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "unlucky" in name and _is_first_time(path):
        os.kill(os.getpid(), signal.SIGKILL)
    if "hang" in name:
        time.sleep(600)
    if "hog" in name:  # keeps Python's lock, so that no other thread can run
        re.match(r"(a+)+b", "a" * 60)
    return dict.fromkeys(recipes, np.full(SHAPE, len(name), "<f4"))


def _is_first_time(path):
    try:
        Path(f"{path}.seen").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
