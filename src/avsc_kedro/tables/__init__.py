"""The report's tables: our scores beside what the paper prints, and what they are made from.

Tables of scores take summaries, the plain data that `metrics.summarise` makes of one
branch or one fusion row: accuracy, macro_accuracy and log_loss as fractions and
nats, and scenes, a mapping from scene to accuracy. Tables are in percent.
"""

from avsc_kedro.tables.branches import branch_table
from avsc_kedro.tables.comparison import table_1, table_2
from avsc_kedro.tables.findings import findings
from avsc_kedro.tables.provenance import provenance

__all__ = ["branch_table", "findings", "provenance", "table_1", "table_2"]
