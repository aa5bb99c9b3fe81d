"""Where clips come from: every source gives one and the same table of labelled files."""

from avsc_kedro.clips.csv_file import read_csv_file
from avsc_kedro.clips.expected import count_expected
from avsc_kedro.clips.folder import MEDIA_SUFFIXES, read_folder
from avsc_kedro.clips.sources import comes_from_tau, detect_source, read_clips
from avsc_kedro.clips.table import CLIP_COLUMNS
from avsc_kedro.clips.tau import list_tau, read_tau, tau_report

__all__ = [
    "CLIP_COLUMNS",
    "MEDIA_SUFFIXES",
    "comes_from_tau",
    "count_expected",
    "detect_source",
    "list_tau",
    "read_clips",
    "read_csv_file",
    "read_folder",
    "read_tau",
    "tau_report",
]
